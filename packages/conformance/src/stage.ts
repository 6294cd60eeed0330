/** Where a case is played: a kernel, a real harness, a scripted model, and what can be seen of them from outside. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, type Harness, type Ladder, sleep, systemClock } from "@corral/kernel";
import { basesOf, type Call, type Model, startModel, type WrittenStory } from "@corral/model";
import { askPolicySchema, isClean, type OpenSession, type SessionId } from "@corral/protocol";
import { Actor } from "./actor.ts";
import { Aside, type Observed, type Recipe, type Ways } from "./case.ts";
import { patienceMs, until } from "./ear.ts";
import { type House, openHouse, type Surroundings, workspaceOf } from "./house.ts";
import { processesAbout } from "./outside.ts";
import { type Listener, tap } from "./tap.ts";

/** A key as no other session has one, to be looked for where it must not be. */
export const canary = "sk-canary-7d1f0c55a9";
const keySha256 = createHash("sha256").update(canary).digest("hex").slice(0, 12);

export const policy = (over: Partial<OpenSession["policy"]> = {}) => askPolicySchema.parse(over);

export interface StageNeed {
  readonly harness: Harness;
  readonly ways: Ways;
  readonly surroundings: Surroundings;
  /** How another process makes the same harness; by its id unless said otherwise. */
  readonly recipe?: Recipe;
  /** Hears all that is said between the two. */
  readonly listen?: Listener;
}

/** How long a program may take to end when its input ends, and how long its children may take after it. */
const leaveMs = 5_000;
const childrenLeaveMs = 2_000;

export class Stage implements AsyncDisposable {
  readonly harness: Harness;
  readonly ways: Ways;
  readonly surroundings: Surroundings;
  readonly root: string;
  readonly model: Model;
  readonly models: readonly [string, string];
  readonly recipe: Recipe;
  /** What is worth telling of the harness beside whether it passed. */
  readonly observed: Observed = {};
  readonly #need: StageNeed;
  readonly #actors: Actor[] = [];
  #house: House | undefined;
  #left: readonly string[] | undefined;
  #looks = false;
  #hasOwnProgram = false;

  constructor(need: StageNeed, root: string, model: Model) {
    const { harness, ways, surroundings, recipe = { id: harness.id } } = need;
    this.#need = need;
    this.harness = harness;
    this.ways = ways;
    this.surroundings = surroundings;
    this.recipe = recipe;
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

  /** Whether the harness asks the scripted model, so that the journal tells what it makes of a prompt. */
  get seesModel(): boolean {
    return this.ways.found?.asksModel ?? true;
  }

  /** What a driver promises must be so; of a program that nobody knows it is only found out. */
  lacks(why: string): never {
    if (this.ways.found) throw new Aside("cannot", why);
    assert.fail(why);
  }

  /** What a session of this harness is opened with, so that it talks to the scripted model. */
  request(over: Partial<OpenSession> = {}, dialect = this.ways.dialect): OpenSession {
    return {
      agent: this.harness.id,
      cwd: this.cwd,
      policy: policy({ permissions: "allow" }),
      secrets: Object.fromEntries(this.harness.secrets.map((name) => [name, canary])),
      ...over,
      options: { ...this.#options(dialect), ...over.options },
    };
  }

  #options(dialect: string): Readonly<Record<string, unknown>> {
    const { options, optionsAt } = this.ways;
    if (optionsAt) return optionsAt(this.model.url);
    const baseUrl = basesOf(this.model.url).find((base) => base.dialect === dialect)?.url;
    const [model, ...models] = this.models;
    return { baseUrl, dialect, model, models, contextWindow: 128_000, ...options };
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
    const { listen } = this.#need;
    const closing = (child: Pick<Child, "stdin" | "exited">, ladder: Partial<Ladder>) => this.#closing(child, ladder);
    const starting = () => {
      this.#hasOwnProgram = true;
    };
    const harness = tap(this.harness, { ...(listen ? { listen } : {}), starting, closing });
    this.#house = await openHouse({ root: this.root, harness, surroundings: this.surroundings });
  }

  /** Closes a session, and answers what its program leaves running when its input ends, before Corral ends it. */
  async closeAndLook({ session }: Actor): Promise<readonly string[]> {
    this.#looks = true;
    await session.change({ closed: true });
    this.needOwnProgram("is not closed with one of them");
    return this.#left ?? [];
  }

  /** What is about a program that a session has for itself says nothing of one that is shared. */
  needOwnProgram(andSo: string): void {
    if (!this.#hasOwnProgram) throw new Aside("cannot", `its program serves other sessions too, and ${andSo}`);
  }

  async #closing({ stdin, exited }: Pick<Child, "stdin" | "exited">, { eofMs }: Partial<Ladder>): Promise<void> {
    if (!this.#looks || eofMs === 0) return;
    stdin.end();
    await Promise.race([exited, sleep(systemClock, leaveMs)]);
    for (let waitedMs = 0; this.processes().length > 0 && waitedMs < childrenLeaveMs; waitedMs += 100)
      await sleep(systemClock, 100);
    this.#left = this.processes();
  }

  /** Ends the kernel as a daemon does. */
  async stop(): Promise<void> {
    await this.house.close();
    for (const { ear } of this.#actors) await ear.leave();
    assert.deepEqual(this.house.surprises, []);
    this.#house = undefined;
  }

  /** The processes that have anything to do with this stage, by what stands in their environment or arguments. */
  processes(): readonly string[] {
    return processesAbout(this.root);
  }

  /** Closes every session and looks for what is left of it. */
  async check(): Promise<void> {
    // A case that ended while its kernel was away has left it to the next one to clear up.
    if (!this.#house) await this.start();
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
    const isTidy = (run: string) => entriesOf(join(runs, run)).every((name) => name === "stderr.log");
    // A process that serves several sessions ends by itself, and its files are removed behind it.
    await until(`the removal of what is in ${runs}`, () => entriesOf(runs).every(isTidy), 10_000);
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

export const timeLimitMs = 2 * patienceMs;
