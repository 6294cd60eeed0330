/** The peer's SDK, loaded from where it was fetched: no more of it than the bench asks by, and that looked for before it is used. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export type PeerEvent = Readonly<Record<string, unknown>>;

export interface PeerSession {
  /** What the agent calls the session; absent where it has told no name. */
  readonly agentSessionId?: string;
  prompt(parts: readonly { readonly type: "text"; readonly text: string }[]): Promise<{ readonly stopReason?: string }>;
  /** Gives what stops the listening. */
  onEvent(listener: (event: PeerEvent) => void): () => void;
}

export interface PeerClient {
  createSession(wish: { readonly agent: string; readonly cwd: string }): Promise<PeerSession>;
  dispose(): Promise<void>;
}

export interface PeerSdk {
  readonly SandboxAgent: {
    connect(to: { readonly baseUrl: string }): Promise<PeerClient>;
  };
}

/** The members of its classes that the bench calls. */
const called = [
  ["SandboxAgent", "connect"],
  ["SandboxAgent", "prototype", "createSession"],
  ["SandboxAgent", "prototype", "dispose"],
  ["Session", "prototype", "prompt"],
  ["Session", "prototype", "onEvent"],
] as const;

const memberOf = (thing: unknown, name: string): unknown =>
  (typeof thing === "object" && thing !== null) || typeof thing === "function" ? Reflect.get(thing, name) : undefined;

/** Whether an event is something that the agent says while it works. */
export const isWord = (event: PeerEvent): boolean =>
  event.sender === "agent" && memberOf(event.payload, "method") === "session/update";

const lackOf = (module: unknown): readonly string[] | undefined =>
  called.find((path) => typeof path.reduce(memberOf, module) !== "function");

const isSdk = (module: unknown): module is PeerSdk => lackOf(module) === undefined;

/** Rejects where it is not, does not load, or is not what it was. */
export async function loadPeerSdk(folder: string): Promise<PeerSdk> {
  const file = join(folder, "node_modules", "sandbox-agent", "dist", "index.js");
  const module: unknown = await import(pathToFileURL(file).href);
  if (!isSdk(module)) throw new Error(`the peer's SDK has no ${lackOf(module)?.join(".")}`);
  return module;
}
