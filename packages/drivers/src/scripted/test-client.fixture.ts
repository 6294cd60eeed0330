/** A small ACP client for the tests: it starts the real program and keeps every line that it wrote. */
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
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
  until(is: () => boolean): Promise<void>;
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
  const speech = listen(child);
  const client = { process: child, cwd, stateDir, ...speech, ...asking(speech) };
  return {
    ...client,
    ...playing(client),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await speech.exited;
      if (root !== undefined) await rm(root, { recursive: true, force: true });
    },
  };
}

type Speech = ReturnType<typeof listen>;

/** Keeps what the program writes and answers what it asks. */
function listen(child: ChildProcessWithoutNullStreams) {
  const frames: JsonObject[] = [];
  const junk: string[] = [];
  const served = new Map<string, Serve>();
  const changed = new EventTarget();
  const change = () => changed.dispatchEvent(new Event("change"));
  const write = (line: string) => void child.stdin.write(`${line}\n`);
  const send = (frame: JsonObject) => write(JSON.stringify({ jsonrpc: "2.0", ...frame }));
  let errors = "";
  child.stdin.on("error", () => undefined); // A program that died does not read; the tests look at its exit.
  child.stderr.on("data", (part) => {
    errors += part;
    change();
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    const frame = line.startsWith("{") ? JSON.parse(line) : undefined;
    if (isRecord(frame)) frames.push(frame);
    else junk.push(line);
    const result = frame?.id === undefined ? undefined : served.get(String(frame.method))?.(frame.params);
    if (result !== undefined) send({ id: frame.id, result });
    change();
  });
  const exited = once(child, "close").then(([code, signal]) => {
    change();
    return { code, signal };
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  async function until(is: () => boolean): Promise<void> {
    while (!is()) {
      const next = once(changed, "change");
      if (hasEnded()) await exited;
      if (is()) return;
      if (hasEnded()) throw new Error(`The program has ended: ${errors}`);
      await next;
    }
  }
  const serve = (method: string, answer: Serve) => void served.set(method, answer);
  return { frames, junk, exited, write, send, until, serve, stderr: () => errors };
}

function asking({ frames, send, until }: Speech) {
  let lastId = 0;
  async function answer(method: string, params: JsonObject): Promise<JsonObject> {
    const id = `t${++lastId}`;
    send({ id, method, params });
    const find = () => frames.find((frame) => frame.id === id && frame.method === undefined);
    await until(() => find() !== undefined);
    return find() ?? {};
  }
  return {
    notify: (method: string, params: JsonObject) => send({ method, params }),
    async request(method: string, params: JsonObject): Promise<JsonObject> {
      const { result, error } = await answer(method, params);
      if (isRecord(result)) return result;
      throw new Error(`${method} was refused: ${JSON.stringify(error)}`);
    },
    refusal: async (method: string, params: JsonObject) => (await answer(method, params)).error as JsonObject,
  };
}

type Asking = Speech & ReturnType<typeof asking> & { readonly cwd: string };

function playing({ frames, request, cwd }: Asking): Pick<TestClient, "open" | "prompt" | "updates" | "said"> {
  const updates = (sessionId?: string) =>
    frames
      .filter(({ method }) => method === "session/update")
      .map(({ params }) => params as { sessionId: string; update: JsonObject })
      .filter((params) => sessionId === undefined || params.sessionId === sessionId)
      .map(({ update }) => update);
  return {
    updates,
    async open(story = [{ quote: {} }]) {
      const whole = Array.isArray(story) ? { turns: [{ steps: story }] } : story;
      const opened = await request("session/new", { cwd, mcpServers: [], _meta: { "corral/story": whole } });
      return String(opened.sessionId);
    },
    prompt: (sessionId, text = "hello") => request("session/prompt", { sessionId, prompt: [{ type: "text", text }] }),
    said: (sessionId) =>
      updates(sessionId)
        .filter(({ sessionUpdate }) => sessionUpdate === "agent_message_chunk")
        .map(({ content }) => (content as { text: string }).text)
        .join(""),
  };
}

/** Whether a process is there and not just waiting to be buried. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false; // Nobody has this number any more.
  }
  const file = `/proc/${pid}/stat`;
  return !(existsSync(file) && readFileSync(file, "utf8").includes(") Z "));
}
