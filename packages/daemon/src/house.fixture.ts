/** A whole house for the tests of the wire: a real kernel over a store in memory, with a harness that does what its prompt says. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Connection,
  type ConnectNeed,
  createKernel,
  type Exit,
  type Harness,
  type Kernel,
  memoryStore,
  type Processes,
  type Store,
  systemClock,
} from "@corral/kernel";
import { agentCapabilitiesSchema, type ContentBlock, promptText, type RunId, type Session } from "@corral/protocol";
import { createDaemon, type Daemon, type DaemonNeed } from "./daemon.ts";
import type { LogLine } from "./problem.ts";

const capabilities = Object.fromEntries(Object.keys(agentCapabilitiesSchema.shape).map((name) => [name, true]));

const noProcesses = (): Processes => ({
  spawn: () => Promise.reject(new Error("the talker starts nothing")),
  tempDir: async () => tmpdir(),
  list: async () => [],
  residue: async (run: RunId) => ({ run, processes: [], ports: [], sockets: [], directories: [] }),
  sweep: async (run: RunId) => ({ run, processes: [], ports: [], sockets: [], directories: [] }),
  sweepFormerLives: async () => [],
  leftovers: async () => [],
  [Symbol.asyncDispose]: async () => undefined,
});

const text = (said: string) => ({ type: "text", text: said });

async function say(need: ConnectNeed, count: number, bytes: number): Promise<void> {
  for (let at = 1; at <= count; at++) {
    const content = text(`${at} ${"x".repeat(bytes)}`);
    await need.host.update({ sessionUpdate: "agent_message_chunk", messageId: `m${at}`, content });
  }
}

async function ask({ host }: ConnectNeed, signal: AbortSignal): Promise<void> {
  const options = [
    { optionId: "yes", name: "Allow", kind: "allow_once" },
    { optionId: "no", name: "Reject", kind: "reject_once" },
  ];
  const reply = await host.ask({ kind: "permission", title: "May I?", options }, { signal });
  await host.update({ sessionUpdate: "agent_message_chunk", content: text(reply.outcome) });
}

/** `say 3`, `say 3 1000` (bytes), `ask`, `hang`; anything else is repeated. */
async function play(need: ConnectNeed, prompt: readonly ContentBlock[], signal: AbortSignal): Promise<void> {
  const [verb, count = "1", bytes = "0"] = promptText(prompt).split(" ");
  if (verb === "say") return say(need, Number(count), Number(bytes));
  if (verb === "ask") return ask(need, signal);
  if (verb === "hang") return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
  await need.host.update({ sessionUpdate: "agent_message_chunk", content: text(promptText(prompt)) });
}

function connectTalker(need: ConnectNeed): Connection {
  const { promise: exited, resolve } = Promise.withResolvers<Exit>();
  const exit: Exit = { code: 0, stderr: { head: [], tail: [], totalLines: 0, truncated: false } };
  let turn = new AbortController();
  return {
    started: { how: need.restore ? "load" : "new", native: `talk-${need.session}` },
    async prompt(prompt) {
      turn = new AbortController();
      await play(need, prompt, turn.signal);
      return { stopReason: turn.signal.aborted ? "cancelled" : "end_turn" };
    },
    cancel: () => turn.abort(),
    steer: async (prompt) => {
      await need.host.update({ sessionUpdate: "agent_message_chunk", content: text(promptText(prompt)) });
    },
    forks: true,
    images: false,
    exited,
    async close() {
      turn.abort();
      resolve(exit);
      return exit;
    },
  };
}

const talker: Harness = {
  id: "talker",
  title: "Talker",
  secrets: ["TALKER_KEY"],
  capabilities: agentCapabilitiesSchema.parse(capabilities),
  connect: async (need) => connectTalker(need),
};

export interface House extends AsyncDisposable {
  readonly daemon: Daemon;
  readonly kernel: Kernel;
  readonly store: Store;
  readonly dir: string;
  /** What the daemon wrote to its log. */
  readonly logged: LogLine[];
}

export interface HouseOptions extends Partial<Omit<DaemonNeed, "version" | "kernel">> {
  /** Puts something between the daemon and its kernel. */
  readonly wrap?: (kernel: Kernel) => Kernel;
}

export async function openHouse({ wrap = (kernel) => kernel, ...options }: HouseOptions = {}): Promise<House> {
  const dir = await mkdtemp(join(tmpdir(), "corral-"));
  const store = memoryStore();
  const places = { stateDir: dir, defaultCwd: dir, hostEnv: {} };
  const own = { store, clock: systemClock, processes: noProcesses(), harnesses: [talker], ...places };
  const kernel = await createKernel(own);
  const logged: LogLine[] = [];
  const log = (line: LogLine) => void logged.push(line);
  const close = async () => {
    await kernel[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  };
  const need = { clock: systemClock, log, ...options, version: "1.2.3", kernel: wrap(kernel) };
  const daemon = await Promise.try(createDaemon, need).catch(async (error) => {
    await close();
    throw error;
  });
  return { daemon, kernel, store, dir, logged, [Symbol.asyncDispose]: close };
}

/** A session that has said so many events, and waits for more. */
export async function openSession({ kernel }: Pick<House, "kernel">, prompt?: string): Promise<Session> {
  const { id } = await kernel.sessions.open({ agent: "talker" });
  const session = await kernel.sessions.find(id);
  if (prompt) await session.ended((await session.prompt({ prompt: [{ type: "text", text: prompt }] })).id);
  return session.state();
}

/** Lets whatever is due happen; a loop of promises alone would keep timers and sockets waiting. */
export const breathe = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await breathe();
}
