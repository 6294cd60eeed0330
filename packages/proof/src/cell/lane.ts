/** Plays cells one after the other, on one daemon where that daemon can take it, and on a fresh one after everything that it cannot. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Failure } from "../look/invariants.ts";
import { signal as send } from "../look/processes.ts";
import { type Cell, nameOf } from "../matrix/cells.ts";
import { createChance, seedOf } from "../seeded.ts";
import { House, type HouseNeed } from "./house.ts";
import { belongings, play } from "./play.ts";
import { MomentMissed } from "./reach.ts";
import { reasonAgainstSmallDisk } from "./small-disk.ts";
import { emptyNotebook, type Notebook, openStage } from "./stage.ts";

export interface CellResult {
  readonly cell: Cell;
  readonly seed: number;
  readonly tookMs: number;
  readonly failures: readonly Failure[];
  /** What took longer than is promised on a machine that is not overloaded. */
  readonly slow: readonly string[];
  /** Why it could not be played here. */
  readonly skipped?: string;
  /** What happened, for the reader of a failure. */
  readonly story: readonly string[];
}

export interface LaneNeed extends Pick<HouseNeed, "corral" | "hostEnv" | "clock" | "signal"> {
  /** Everything is made below it, and it is empty again afterwards. */
  readonly folder: string;
  readonly seed: number;
}

const cellLimitMs = 240_000;
const dayMs = 24 * 3_600_000;
const attempts = 4;

const ownHouse = ({ how }: Cell): Partial<HouseNeed> | undefined => {
  if (how === "full disk") return { smallDisk: true };
  if (how === "clock forward") return { jumpMs: dayMs };
  return how === "clock back" ? { jumpMs: -dayMs } : undefined;
};

/** What goes over the wire of a cell that failed, as lines. */
function storyOf(notes: Notebook, house: House, log: readonly object[]): readonly string[] {
  const events = log.map((event) => JSON.stringify(event).slice(0, 400));
  return [...notes.steps, ...events, ...house.stderr.slice(-4_000).split("\n").filter(Boolean)];
}

/** Ends everything of a daemon that is in an unknown state. */
async function raze(house: House): Promise<void> {
  for (const pid of belongings({ house })) send(pid, "SIGKILL");
  house.signal("SIGKILL");
  await house[Symbol.asyncDispose]();
}

type Outcome = Pick<CellResult, "failures" | "slow" | "story">;

const nothing: Outcome = { failures: [], slow: [], story: [] };

export class Lane implements AsyncDisposable {
  readonly #need: LaneNeed;
  #house: House | undefined;
  #count = 0;

  constructor(need: LaneNeed) {
    this.#need = need;
  }

  async play(cell: Cell): Promise<CellResult> {
    const { clock, seed: runSeed } = this.#need;
    const [sinceMs, seed] = [clock.monotonicMs(), seedOf(runSeed, nameOf(cell))];
    const result = (outcome: Outcome, skipped?: string): CellResult => ({
      cell,
      seed,
      tookMs: Math.round(clock.monotonicMs() - sinceMs),
      ...outcome,
      ...(skipped === undefined ? {} : { skipped }),
    });
    const reason = cell.how === "full disk" ? reasonAgainstSmallDisk() : undefined;
    if (reason !== undefined) return result(nothing, reason);
    for (let attempt = 1; ; attempt++) {
      try {
        return result(await this.#attempt(cell, seed));
      } catch (error) {
        // The moment was over before it could be held: that says nothing, in either direction.
        if (!(error instanceof MomentMissed) || attempt === attempts) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#house?.[Symbol.asyncDispose]();
    this.#house = undefined;
  }

  async #attempt(cell: Cell, seed: number): Promise<Outcome> {
    const own = ownHouse(cell);
    const house = await (own ? this.#open(own) : this.#shared()).catch((error: Error) => error);
    if (house instanceof Error) {
      this.#need.signal.throwIfAborted();
      return { ...nothing, failures: [{ invariant: 1, says: house.message }] };
    }
    const outcome = await this.#playOn(house, cell, seed).catch(async (error: unknown) => {
      if (this.#house === house) this.#house = undefined;
      await raze(house);
      throw error;
    });
    // A daemon that nobody hears any more would keep its faults to itself.
    const worn =
      own !== undefined || outcome.failures.length > 0 || (cell.dies === "server" && cell.how === "closed pipe");
    if (worn && this.#house === house) this.#house = undefined;
    if (outcome.failures.length > 0) await raze(house);
    else if (worn) await house[Symbol.asyncDispose]();
    return outcome;
  }

  async #shared(): Promise<House> {
    if (this.#house && !this.#house.isAlive) {
      await raze(this.#house);
      this.#house = undefined;
    }
    this.#house ??= await this.#open({});
    return this.#house;
  }

  #open(own: Partial<HouseNeed>): Promise<House> {
    const { corral, hostEnv, clock, signal, folder } = this.#need;
    this.#count += 1;
    return House.open({ corral, hostEnv, clock, signal, folder: join(folder, `house-${this.#count}`), ...own });
  }

  async #playOn(house: House, cell: Cell, seed: number): Promise<Outcome> {
    const { clock, signal, folder } = this.#need;
    const late = new AbortController();
    const takeBack = clock.after(cellLimitMs, () => late.abort(new Error("the cell took too long: something hangs")));
    this.#count += 1;
    const [notes, place] = [emptyNotebook(), join(folder, `cell-${this.#count}`)];
    const need = { cell, house, folder: place, chance: createChance(seed).below, notes };
    try {
      const stage = await openStage({ ...need, signal: AbortSignal.any([signal, late.signal]) });
      const { failures, log } = await play(stage);
      return { failures, slow: notes.slow, story: failures.length > 0 ? storyOf(notes, house, log) : [] };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MomentMissed) throw error;
      const says = error instanceof Error ? error.message : String(error);
      return { failures: [{ invariant: 5, says }], slow: notes.slow, story: storyOf(notes, house, []) };
    } finally {
      takeBack();
      // Whatever still follows or waits on this cell ends with it.
      late.abort(new Error("the cell is over"));
      await rm(place, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}
