/** A small ACP client for the tests: it starts the real program and keeps every line that it wrote. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { isRecord, type JsonObject } from "./json.ts";

export const programFile = fileURLToPath(new URL("./program.ts", import.meta.url));

type Serve = (params: JsonObject) => unknown;

export interface TestClient {
  readonly process: ChildProcess;
  readonly cwd: string;
  readonly stateDir: string;
  /** Every line on stdout that was JSON. */
  readonly frames: JsonObject[];
  /** Every line on stdout that was not. */
  readonly junk: string[];
  readonly stderr: () => string;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  serve(method: string, answer: Serve): void;
  request(method: string, params: JsonObject): Promise<JsonObject>;
  /** The error with which a request is refused. */
  refusal(method: string, params: JsonObject): Promise<JsonObject>;
  notify(method: string, params: JsonObject): void;
  write(line: string): void;
  open(steps?: readonly unknown[] | JsonObject): Promise<string>;
  prompt(sessionId: string, text?: string): Promise<JsonObject>;
  updates(sessionId?: string): JsonObject[];
  /** The agent's message as one text. */
  said(sessionId?: string): string;
  until(what: (client: TestClient) => boolean): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface StartNeed {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The directories of a client before this one; they are kept when this one ends. */
  readonly after?: Pick<TestClient, "cwd" | "stateDir">;
}

export async function startClient({ args = [], env = {}, after }: StartNeed = {}): Promise<TestClient> {
  const root = after ? undefined : await realpath(await mkdtemp(join(tmpdir(), "corral-")));
  const { cwd, stateDir } = after ?? { cwd: root ?? "", stateDir: join(root ?? "", ".state") };
  const child = spawn(process.execPath, [programFile, "--state", stateDir, ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, ...env },
  });
  const frames: JsonObject[] = [];
  const junk: string[] = [];
  let errors = "";
  let id = 0;
  const served = new Map<string, Serve>();
  const changed = new EventTarget();
  const write = (line: string) => void child.stdin.write(`${line}\n`);
  const send = (frame: JsonObject) => write(JSON.stringify({ jsonrpc: "2.0", ...frame }));
  child.stdin.on("error", () => undefined); // A program that died does not read; the tests look at its exit.
  child.stderr.on("data", (part) => {
    errors += part;
    changed.dispatchEvent(new Event("change"));
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    const frame = line.startsWith("{") ? JSON.parse(line) : undefined;
    if (!isRecord(frame)) junk.push(line);
    else frames.push(frame);
    const answer = served.get(String(frame?.method));
    if (frame && frame.id !== undefined && answer) {
      const result = answer(frame.params as JsonObject);
      if (result !== undefined) send({ id: frame.id, result });
    }
    changed.dispatchEvent(new Event("change"));
  });
  const exited = once(child, "close").then(([code, signal]) => ({ code, signal }));
  void exited.then(() => changed.dispatchEvent(new Event("change")));

  async function until(what: (client: TestClient) => boolean): Promise<void> {
    while (!what(client)) {
      const change = once(changed, "change");
      if (child.exitCode !== null || child.signalCode !== null) await exited;
      if (what(client)) return;
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`The program has ended: ${errors}`);
      await change;
    }
  }
  async function answer(method: string, params: JsonObject): Promise<JsonObject> {
    const own = `t${++id}`;
    send({ id: own, method, params });
    const find = () => frames.find((frame) => frame.id === own && frame.method === undefined);
    await until(() => find() !== undefined);
    return find() ?? {};
  }
  const updates = (sessionId?: string) =>
    frames
      .filter(({ method }) => method === "session/update")
      .map(({ params }) => params as { sessionId: string; update: JsonObject })
      .filter((params) => sessionId === undefined || params.sessionId === sessionId)
      .map(({ update }) => update);
  const client: TestClient = {
    process: child,
    cwd,
    stateDir,
    frames,
    junk,
    stderr: () => errors,
    exited,
    write,
    until,
    updates,
    serve: (method, serve) => void served.set(method, serve),
    notify: (method, params) => send({ method, params }),
    async request(method, params) {
      const { result, error } = await answer(method, params);
      if (isRecord(result)) return result;
      throw new Error(`${method} was refused: ${JSON.stringify(error)}`);
    },
    refusal: async (method, params) => (await answer(method, params)).error as JsonObject,
    async open(story = [{ quote: {} }]) {
      const whole = Array.isArray(story) ? { turns: [{ steps: story }] } : story;
      const opened = await client.request("session/new", { cwd, mcpServers: [], _meta: { "corral/story": whole } });
      return String(opened.sessionId);
    },
    prompt: (sessionId, text = "hello") =>
      client.request("session/prompt", { sessionId, prompt: [{ type: "text", text }] }),
    said: (sessionId) =>
      updates(sessionId)
        .filter(({ sessionUpdate }) => sessionUpdate === "agent_message_chunk")
        .map(({ content }) => (content as { text: string }).text)
        .join(""),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
      if (root !== undefined) await rm(root, { recursive: true, force: true });
    },
  };
  return client;
}

/** Whether a process is there and not just waiting to be buried. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // Nobody has this number any more.
  }
}
