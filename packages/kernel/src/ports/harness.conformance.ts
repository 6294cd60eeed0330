/** The law of harnesses: every sentence of the port as a test, to be run for each harness that there is. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chunkText, isClean, makeId, type SessionUpdate } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { createProcesses, ownerOf } from "../process/processes.ts";
import { systemClock } from "./clock.system.ts";
import type { Connection, ConnectNeed, Harness, Notice, Question, Reply } from "./harness.ts";

export type Trick = "say" | "ask" | "hang" | "crash" | "history";

/** How the harness is brought to do what a law is about; a law that it cannot be brought to is left out, with the reason. */
export interface Tricks {
  /** The options that the session of a law is opened with, by the trick that the law is about. */
  readonly options?: (trick: Trick) => ConnectNeed["options"];
  readonly secrets?: ConnectNeed["secrets"];
  readonly programs?: ConnectNeed["programs"];
  /** Prompts: one that is answered with text, and ones that make it ask, say a word and wait, die, and tell what it remembers. */
  readonly say: string;
  readonly ask: string | { readonly skip: string };
  readonly hang: string | { readonly skip: string };
  readonly crash: string | { readonly skip: string };
  readonly history: string | { readonly skip: string };
}

const hostEnv = { PATH: "/usr/local/bin:/usr/bin:/bin", LANG: "C.UTF-8" };

const builtIn: ConnectNeed["programs"] = {
  node: process.execPath,
  bin: (name) => {
    throw new Error(`this harness has no program ${name}`);
  },
};

/** A session without a kernel: somewhere to work, and a host that writes everything down. */
class Bench implements AsyncDisposable {
  readonly updates: SessionUpdate[] = [];
  readonly questions: Question[] = [];
  readonly notices: Notice[] = [];
  /** Resolves when the harness has said something. */
  readonly heard = Promise.withResolvers<void>();
  readonly processes;
  readonly #dir: string;
  readonly #harness: Harness;
  readonly #tricks: Tricks;
  readonly #trick: Trick;
  readonly #session = makeId("session", systemClock.now(), systemClock.chance(16));
  reply: (question: Question, signal: AbortSignal) => Promise<Reply> = async () => ({ outcome: "cancelled" });

  constructor(dir: string, harness: Harness, tricks: Tricks, trick: Trick) {
    this.#dir = dir;
    this.#harness = harness;
    this.#tricks = tricks;
    this.#trick = trick;
    this.processes = createProcesses({ clock: systemClock, stateDir: dir, owner: ownerOf(dir), hostEnv });
  }

  get text(): string {
    return this.updates
      .map((update) => (update.sessionUpdate === "agent_message_chunk" ? chunkText(update) : ""))
      .join("");
  }

  newRun() {
    return makeId("run", systemClock.now(), systemClock.chance(16));
  }

  async connect(over: Partial<ConnectNeed> = {}): Promise<Connection> {
    const [cwd, stateDir] = [join(this.#dir, "workspace"), join(this.#dir, "session")];
    for (const dir of [cwd, stateDir]) await mkdir(dir, { recursive: true });
    const { options, secrets = {}, programs = builtIn } = this.#tricks;
    return this.#harness.connect({
      session: this.#session,
      run: this.newRun(),
      host: {
        update: (update) => this.#hear(update),
        ask: (question, { signal }) => {
          this.questions.push(question);
          return this.reply(question, signal);
        },
        notice: (notice) => void this.notices.push(notice),
      },
      cwd,
      stateDir,
      secrets,
      options: options?.(this.#trick) ?? {},
      programs,
      mcpServers: [],
      settings: {},
      processes: this.processes,
      clock: systemClock,
      hostEnv,
      signal: new AbortController().signal,
      ...over,
    });
  }

  #hear(update: SessionUpdate): undefined {
    this.updates.push(update);
    if (update.sessionUpdate === "agent_message_chunk") this.heard.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.processes[Symbol.asyncDispose]();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

const blocks = (text: string) => [{ type: "text" as const, text }];
const faultOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no fault",
    (error: unknown) => error,
  );

export function harnessConformance(name: string, harness: Harness, tricks: Tricks): void {
  const open = async (trick: Trick = "say") =>
    new Bench(await mkdtemp(join(tmpdir(), "corral-")), harness, tricks, trick);
  /** A law about a trick: left out, with the reason, where the harness does not know it. */
  const law = (
    says: string,
    trick: keyof Pick<Tricks, "ask" | "hang" | "crash" | "history">,
    run: (prompt: string) => Promise<void>,
  ) => {
    const prompt = tricks[trick];
    if (typeof prompt === "string") test(says, () => run(prompt));
    else test.skip(`${says}: ${prompt.skip}`, () => undefined);
  };

  describe(`the ${name} harness`, () => {
    test("is called by lower-case letters, digits and dashes, and has a title", () => {
      expect(harness.id).toMatch(/^[a-z0-9][a-z0-9-]*$/);
      expect(harness.title).not.toBe("");
      for (const secret of harness.secrets) expect(secret).toMatch(/^[A-Z_][A-Z0-9_]*$/);
    });

    test("opens a session that has a name of the harness's own", async () => {
      await using bench = await open();
      const { started } = await bench.connect();
      expect(started.how).toBe("new");
      expect(started.native).not.toBe("");
    });

    test("says what it has to say before its prompt resolves", async () => {
      await using bench = await open();
      const connection = await bench.connect();
      const { stopReason } = await connection.prompt(blocks(tricks.say));
      expect(bench.text).not.toBe("");
      expect(stopReason).toBe("end_turn");
      const said = bench.text;
      await connection.prompt(blocks(tricks.say));
      expect(bench.text.length).toBeGreaterThan(said.length);
    });

    law("ends its prompt when it is told to cancel, and takes the next one", "hang", async (prompt) => {
      await using bench = await open("hang");
      const connection = await bench.connect();
      const prompting = connection.prompt(blocks(prompt));
      await bench.heard.promise;
      connection.cancel();
      expect((await prompting).stopReason).toBe("cancelled");
      expect((await connection.prompt(blocks(tricks.say))).stopReason).toBe("end_turn");
    });

    law("asks with the options that it offers, and takes one of them or none", "ask", async (prompt) => {
      await using bench = await open("ask");
      const connection = await bench.connect();
      bench.reply = async ({ options }) => {
        const option = options.find(({ kind }) => kind.startsWith("reject"));
        return option ? { outcome: "selected", option } : { outcome: "cancelled" };
      };
      await connection.prompt(blocks(prompt));
      expect(bench.questions.length).toBeGreaterThan(0);
      for (const { title, options } of bench.questions) {
        expect(title).not.toBe("");
        expect(new Set(options.map(({ optionId }) => optionId)).size).toBe(options.length);
      }
      bench.reply = async () => ({ outcome: "cancelled" });
      expect((await connection.prompt(blocks(prompt))).stopReason).not.toBe("");
    });

    law("rejects its prompt as crashed when it dies, and is gone", "crash", async (prompt) => {
      await using bench = await open("crash");
      const connection = await bench.connect();
      expect(await faultOf(connection.prompt(blocks(prompt)))).toMatchObject({ code: "harness.crashed" });
      const { code, signal } = await connection.exited;
      expect(code !== 0 || signal !== undefined).toBe(true);
      expect(await faultOf(connection.prompt(blocks(tricks.say)))).toMatchObject({ code: "harness.crashed" });
      await connection.close({ force: true });
    });

    test("closes as often as it is told, within a bound, and leaves nothing behind (invariant 7, invariant 10)", async () => {
      await using bench = await open();
      const run = bench.newRun();
      const connection = await bench.connect({ run });
      await connection.prompt(blocks(tricks.say));
      const [first, second] = await Promise.all([connection.close(), connection.close({ force: true })]);
      expect(second).toEqual(first);
      expect(await connection.exited).toEqual(first);
      expect(await connection.close()).toEqual(first);
      expect(isClean(await bench.processes.residue(run))).toBe(true);
    });

    law("leaves no prompt waiting when it is closed", "hang", async (prompt) => {
      await using bench = await open("hang");
      const connection = await bench.connect();
      const prompting = faultOf(connection.prompt(blocks(prompt)));
      await connection.close({ force: true });
      // Told to end, it may still say that its turn is cancelled; killed, it cannot.
      if ((await prompting) !== "no fault") expect(await prompting).toMatchObject({ code: "harness.crashed" });
    });

    test("is not opened for somebody who has left already", async () => {
      await using bench = await open();
      const run = bench.newRun();
      const reason = new Error("left");
      expect(await faultOf(bench.connect({ run, signal: AbortSignal.abort(reason) }))).toBe(reason);
      await bench.processes.sweep(run);
      expect(isClean(await bench.processes.residue(run))).toBe(true);
    });

    law(
      "says how it brings a conversation back, and remembers it unless that is by replay",
      "history",
      async (prompt) => {
        await using bench = await open("history");
        const before = await bench.connect();
        await before.prompt(blocks(tricks.say));
        await before.close();
        const again = await bench.connect({ restore: { native: before.started.native } });
        expect(["resume", "load", "replay"]).toContain(again.started.how);
        const from = bench.text.length;
        await again.prompt(blocks(prompt));
        if (again.started.how !== "replay") expect(bench.text.slice(from)).toContain(tricks.say);
      },
    );

    law("branches a conversation under another name, where it can", "history", async (prompt) => {
      await using bench = await open("history");
      const before = await bench.connect();
      await before.prompt(blocks(tricks.say));
      const fork = await bench.connect({ restore: { native: before.started.native, fork: true } });
      expect(fork.started.how).toBe(before.forks ? "fork" : "replay");
      expect(fork.started.native).not.toBe(before.started.native);
      const from = bench.text.length;
      await fork.prompt(blocks(prompt));
      if (before.forks) expect(bench.text.slice(from)).toContain(tricks.say);
    });

    law("is told what was said when the conversation is one that it does not know", "history", async () => {
      await using bench = await open("history");
      expect((await bench.connect({ restore: { native: "nobody-knows-this" } })).started.how).toBe("replay");
    });
  });
}
