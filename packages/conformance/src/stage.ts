/** Where a case is played: a kernel, a real harness, a scripted model, and what can be seen of them from outside. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Harness, type SessionHandle, systemClock } from "@corral/kernel";
import { basesOf, type Call, type Model, startModel, type WrittenStory } from "@corral/model";
import {
  askPolicySchema,
  type ContentBlock,
  type Item,
  isClean,
  type OpenSession,
  type SessionId,
  type Turn,
  type TurnId,
} from "@corral/protocol";
import type { Ways } from "./case.ts";
import { Ear, patienceMs, until, within } from "./ear.ts";
import { type House, openHouse, type Surroundings, workspaceOf } from "./house.ts";

/** A key as no other session has one, to be looked for where it must not be. */
export const canary = "sk-canary-7d1f0c55a9";
const keySha256 = createHash("sha256").update(canary).digest("hex").slice(0, 12);

export const policy = (over: Partial<OpenSession["policy"]> = {}) => askPolicySchema.parse(over);
export const text = (said: string): ContentBlock[] => [{ type: "text", text: said }];

type Prompt = string | ContentBlock[];

/** One session, and an ear at its log. */
export class Actor {
  readonly id: SessionId;
  readonly session: SessionHandle;
  readonly ear: Ear;

  constructor(session: SessionHandle) {
    this.id = session.id;
    this.session = session;
    this.ear = new Ear(session);
  }

  /** Prompts, and goes on at once. */
  begin(prompt: Prompt): Promise<Turn> {
    return this.session.prompt({ prompt: typeof prompt === "string" ? text(prompt) : prompt });
  }

  async ended({ id }: { readonly id: TurnId }): Promise<Turn> {
    const turn = await within(this.session.ended(id), () => `the end of the turn among ${this.ear.summary()}`);
    await this.ear.upTo(this.session.state().cursor);
    return turn;
  }

  /** Prompts, and waits for the end. */
  async say(prompt: Prompt): Promise<Turn> {
    return this.ended(await this.begin(prompt));
  }

  /** Prompts, waits for the end, and insists that it is a good one. */
  async hear(prompt: Prompt): Promise<Turn> {
    const turn = await this.say(prompt);
    assert.equal(turn.outcome, "completed", `${JSON.stringify(turn)}${this.ear.summary()}`);
    return turn;
  }

  async items(): Promise<readonly Item[]> {
    return (await this.session.transcript({ after: 0, limit: 1000 })).items;
  }

  get pid(): number {
    const { harness } = this.session.state();
    assert(harness?.pid, "there is no harness process");
    return harness.pid;
  }
}

export interface StageNeed {
  readonly harness: Harness;
  readonly ways: Ways;
  readonly surroundings: Surroundings;
}

export class Stage implements AsyncDisposable {
  readonly harness: Harness;
  readonly ways: Ways;
  readonly surroundings: Surroundings;
  readonly root: string;
  readonly model: Model;
  readonly models: readonly [string, string];
  readonly #actors: Actor[] = [];
  #house: House | undefined;

  constructor({ harness, ways, surroundings }: StageNeed, root: string, model: Model) {
    this.harness = harness;
    this.ways = ways;
    this.surroundings = surroundings;
    this.root = root;
    this.model = model;
    this.models = ways.models ?? ["stub-model", "other-model"];
  }

  static async open(need: StageNeed): Promise<Stage> {
    const root = await mkdtemp(join(tmpdir(), "corral-"));
    const stage = new Stage(need, root, await startModel({ clock: systemClock }));
    stage.play({});
    await stage.start();
    return stage;
  }

  get cwd(): string {
    return workspaceOf(this.root);
  }

  get house(): House {
    assert(this.#house, "the kernel of this stage is not running");
    return this.#house;
  }

  /** What the model does from now on; the directives in prompts are played where no rule fits. */
  play(story: WrittenStory): void {
    this.model.setStory({ models: [...this.models], ...story });
  }

  /** The requests for what a person asked, without those for titles. */
  calls(): readonly Call[] {
    return this.model.journal().filter(({ purpose }) => purpose === "prompt");
  }

  get lastCall(): Call {
    const call = this.calls().at(-1);
    assert(call, "the model was not asked");
    return call;
  }

  /** Whether a request showed the key that the session was given. */
  showsKey({ authorization }: Call): boolean {
    return authorization?.keySha256 === keySha256;
  }

  /** What a session of this harness is opened with, so that it talks to the scripted model. */
  request(over: Partial<OpenSession> = {}, dialect = this.ways.dialect): OpenSession {
    const { options } = this.ways;
    const baseUrl = basesOf(this.model.url).find((base) => base.dialect === dialect)?.url;
    const [model, ...models] = this.models;
    return {
      agent: this.harness.id,
      cwd: this.cwd,
      policy: policy({ permissions: "allow" }),
      secrets: Object.fromEntries(this.harness.secrets.map((name) => [name, canary])),
      ...over,
      options: { baseUrl, dialect, model, models, contextWindow: 128_000, ...options, ...over.options },
    };
  }

  async open(over: Partial<OpenSession> = {}): Promise<Actor> {
    const { id } = await this.house.kernel.sessions.open(this.request(over));
    return this.find(id);
  }

  async find(id: SessionId): Promise<Actor> {
    const actor = new Actor(await this.house.kernel.sessions.find(id));
    this.#actors.push(actor);
    return actor;
  }

  async start(): Promise<void> {
    this.#house = await openHouse({ root: this.root, harness: this.harness, surroundings: this.surroundings });
  }

  /** Ends the kernel as a daemon does. */
  async stop(): Promise<void> {
    await this.house.close();
    for (const { ear } of this.#actors) await ear.leave();
    assert.deepEqual(this.house.surprises, []);
    this.#house = undefined;
  }

  /** The processes that have anything to do with this stage, by what stands in their environment, directory or arguments. */
  processes(): readonly string[] {
    return processesAbout(this.root);
  }

  /** Closes every session and looks for what is left of it. */
  async check(): Promise<void> {
    const { sessions } = this.house.kernel;
    for (const { session, ear } of this.#actors) {
      if (session.state().phase !== "closed") await session.change({ closed: true });
      await ear.upTo(session.state().cursor);
      for (const event of ear.all("run.residue")) assert(isClean(event.data), JSON.stringify(event.data));
      assert(!JSON.stringify(ear.events).includes(canary), "a key is in the log (invariant 8)");
    }
    await until(`an end of ${this.processes().join(", ")}`, () => this.processes().length === 0, 20_000);
    for (const { id } of this.#actors) await sessions.remove(id);
    assert.deepEqual(entriesOf(join(this.root, "state", "sessions")), []);
    // What was said on stderr by the harness of a killed daemon is kept for the reader; nothing else of a run is.
    const runs = join(this.root, "state", "runs");
    for (const run of entriesOf(runs)) assert.deepEqual(entriesOf(join(runs, run)), ["stderr.log"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#house) await this.stop();
    } finally {
      await this.model.close();
      await rm(this.root, { recursive: true, force: true, maxRetries: 3 });
    }
  }
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // Nothing was ever put there.
  }
}

function processesAbout(root: string): readonly string[] {
  const found = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return found.flatMap((pid) => {
    try {
      const [environ, command] = ["environ", "cmdline"].map((file) => readFileSync(`/proc/${pid}/${file}`, "utf8"));
      return environ?.includes(root) || command?.includes(root) ? [`${pid} ${command?.replaceAll("\0", " ")}`] : [];
    } catch {
      return []; // It ended while it was looked at.
    }
  });
}

export const timeLimitMs = 2 * patienceMs;
