/** What the tests of sessions share: a whole kernel over real processes and the scripted harness, with a witness at every log. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { harnesses, type StoreId, stores } from "@corral/drivers";
import { askPolicySchema, type OpenSession, type SessionEvent, type SessionId, type Turn } from "@corral/protocol";
import { expect } from "vitest";
import { createKernel, type Kernel, type SessionHandle } from "../kernel.ts";
import { systemClock } from "../ports/clock.system.ts";
import type { Harness } from "../ports/harness.ts";
import type { Store } from "../ports/store.ts";
import { isAlive, startTicksOf } from "../process/proc-table.ts";
import type { Processes } from "../process/process.ts";
import { createProcesses, ownerOf } from "../process/processes.ts";
import { checkLog, logOf } from "./kit-laws.fixture.ts";
import { Witness } from "./kit-witness.fixture.ts";
import type { Limits } from "./limits.ts";

export const hostEnv: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? "",
  LANG: "C.UTF-8",
  // An agent that is compiled once starts in half the time.
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? "",
};

export interface KitOptions {
  readonly store?: StoreId;
  readonly limits?: Partial<Limits>;
  readonly harnesses?: readonly Harness[];
  /** Puts something between the kernel and its store, such as a disk that is full for a while. */
  readonly wrap?: (store: Store) => Store;
  /** A state directory that is there already; the kit then leaves it there. */
  readonly root?: string;
}

/** A step of a story, and the story of a session, as a person would write them. */
export type Steps = readonly unknown[];

/** One session, whoever holds it, and the witness of its log. */
export interface Actor {
  readonly id: SessionId;
  readonly session: SessionHandle;
  readonly witness: Witness;
  /** Prompts, and waits for the end. */
  play(prompt?: string): Promise<Turn>;
  prompt(prompt?: string): Promise<Turn>;
}

export const blocks = (text: string) => [{ type: "text" as const, text }];

export const policy = (over: Partial<OpenSession["policy"]> = {}) => askPolicySchema.parse(over);

const scripted = harnesses.find(({ id }) => id === "scripted")!;
const { capabilities } = scripted;

/** What is written on a harness that a test makes for itself, of whatever program. */
export const card = { id: "made-up", title: "A program of the test", secrets: ["MADE_UP_KEY"], capabilities };

/** Waits for a condition; the test's own time limit is the bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(10);
}

/** Whether a program still runs; one that only waits to be reaped does not. */
export const isRunning = (pid: number): boolean => {
  const startTicks = startTicksOf(pid);
  return startTicks !== undefined && isAlive({ pid, startTicks });
};

export class Kit implements AsyncDisposable {
  readonly root: string;
  readonly cwd: string;
  readonly stateDir: string;
  /** What the kernel was surprised by; a test that expects some takes them out, for the others there are none. */
  readonly surprises: { readonly error: unknown; readonly where: string }[] = [];
  readonly #options: KitOptions;
  readonly #witnesses = new Set<Witness>();
  readonly #made = new Set<SessionId>();
  readonly #memory: Promise<Store> | undefined;
  #open: { kernel: Kernel; store: Store; processes: Processes } | undefined;

  constructor(root: string, options: KitOptions) {
    this.root = root;
    this.cwd = join(root, "workspace");
    this.stateDir = join(root, "state");
    this.#options = options;
    this.#memory = options.store === "memory" ? stores.memory.open() : undefined;
  }

  get kernel(): Kernel {
    return this.#opened.kernel;
  }

  get store(): Store {
    return this.#opened.store;
  }

  get processes(): Processes {
    return this.#opened.processes;
  }

  async start(): Promise<void> {
    await mkdir(this.cwd, { recursive: true });
    await mkdir(this.stateDir, { recursive: true, mode: 0o700 });
    const { stateDir, cwd } = this;
    const clock = systemClock;
    const { wrap = (one) => one, limits, harnesses: known = [scripted] } = this.#options;
    const store = wrap((await this.#memory) ?? (await stores.sqlite.open({ dir: stateDir, clock })));
    const processes = createProcesses({ clock, stateDir, owner: ownerOf(stateDir), hostEnv });
    const kernel = await createKernel({
      store,
      processes,
      clock,
      stateDir,
      hostEnv,
      harnesses: known,
      defaultCwd: cwd,
      limits: { cancelGraceMs: 500, answerMs: 3000, ...limits },
      surprise: (error, where) => this.surprises.push({ error, where }),
    });
    this.#open = { kernel, store, processes };
  }

  /** Ends the kernel as a daemon does; a store in memory stays for the next one. */
  async stop(): Promise<void> {
    const { kernel, processes, store } = this.#opened;
    await kernel[Symbol.asyncDispose]();
    for (const witness of this.#witnesses) await witness.over();
    this.#witnesses.clear();
    await processes[Symbol.asyncDispose]();
    if (!this.#memory) await store[Symbol.asyncDispose]();
    this.#open = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Opens a session that plays these turns, the last one again and again. */
  async open(turns: readonly Steps[], over: Partial<OpenSession> & { story?: object; key?: string } = {}) {
    const { story: more, key, ...rest } = over;
    const story = { turns: turns.map((steps) => ({ steps })), ...more };
    const request = { agent: "scripted", options: { story }, ...rest };
    const { id } = await this.kernel.sessions.open(request, key ? { key } : {});
    return this.find(id);
  }

  async find(id: SessionId): Promise<Actor> {
    this.#made.add(id);
    const session = await this.kernel.sessions.find(id);
    const witness = new Witness(session, this.store);
    this.#witnesses.add(witness);
    const prompt = (text = "go on") => session.prompt({ prompt: blocks(text) });
    return { id, session, witness, prompt, play: async (text) => session.ended((await prompt(text)).id) };
  }

  events(id: SessionId): Promise<readonly SessionEvent[]> {
    return logOf(this.store, id);
  }

  /** Holds the log of every session of this kit against the laws that hold for all of them. */
  async check(): Promise<void> {
    for (const id of this.#made) await checkLog(this.kernel, this.store, id);
    for (const witness of this.#witnesses) expect(witness.complaints).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#open) {
        await this.check();
        await this.stop();
      }
      expect(this.surprises).toEqual([]);
    } finally {
      if (!this.#options.root) await rm(this.root, { recursive: true, force: true });
    }
  }

  get #opened() {
    if (!this.#open) throw new Error("the kernel of this kit is not running");
    return this.#open;
  }
}

export async function openKit(options: KitOptions = {}): Promise<Kit> {
  const kit = new Kit(options.root ?? (await mkdtemp(join(tmpdir(), "corral-"))), options);
  await kit.start();
  return kit;
}
