/** The proof of the kill matrix: every cell in a few lanes beside each other, and the naive ones that must fail it. */
import { join } from "node:path";
import { type CellResult, Lane } from "../cell/lane.ts";
import { type NaiveResult, naiveClasses, tryNaive } from "../naive/index.ts";
import { type Proof, type ProofContext, type ProofRow, proved } from "../proof.ts";
import { freshSeed } from "../seeded.ts";
import { type Cell, cells, coreOf, nameOf, wordsOf } from "./cells.ts";
import { createShow } from "./show.ts";

/** More daemons beside each other than processors: a cell waits more than it works. */
const usualLanes = 4;

export const chosen = ({ only, quick }: Pick<ProofContext, "only" | "quick">): readonly Cell[] => {
  const fitting = cells.filter((cell) => only === undefined || wordsOf(cell).includes(only.toLowerCase()));
  return quick ? coreOf(fitting) : fitting;
};

interface Playing extends ProofContext {
  readonly seed: number;
}

/** Each lane takes the next cell as soon as it is done with one. */
async function playAll(context: Playing): Promise<readonly CellResult[]> {
  const { signal, folder, jobs = usualLanes, tell } = context;
  const all = chosen(context);
  const waiting = [...all];
  const results: CellResult[] = [];
  const show = all.length > 0 ? createShow(all, tell) : () => undefined;
  const runLane = async (at: number): Promise<void> => {
    await using lane = new Lane({ ...context, folder: join(folder, `lane-${at}`) });
    for (let cell = waiting.shift(); cell && !signal.aborted; cell = waiting.shift()) {
      const result = await lane.play(cell);
      results.push(result);
      show(result);
    }
  };
  const lanes = Array.from({ length: Math.min(jobs, all.length) }, (_, at) => runLane(at));
  // All lanes are put away before a failure of one of them is told.
  for (const lane of await Promise.allSettled(lanes)) if (lane.status === "rejected") throw lane.reason;
  return results;
}

async function tryAll(context: ProofContext): Promise<readonly NaiveResult[]> {
  const { only, tell } = context;
  const results: NaiveResult[] = [];
  for (const naive of naiveClasses) {
    if (only !== undefined && !`naive ${naive.name}`.includes(only.toLowerCase())) continue;
    const result = await tryNaive(naive, context);
    results.push(result);
    const says = result.caught ? `caught: ${result.says[0]}` : "NOT CAUGHT";
    tell(`naive: ${result.name} (invariant ${result.invariant})  ${says}`);
  }
  return results;
}

const rowOfCell = ({ cell, failures, skipped }: CellResult): ProofRow => ({
  name: nameOf(cell),
  failures: failures.map(({ invariant, says }) => (invariant === 0 ? says : `invariant ${invariant}: ${says}`)),
  ...(skipped === undefined ? {} : { skipped }),
});

const rowOfNaive = ({ name, caught, invariant }: NaiveResult): ProofRow => ({
  name: `naive: ${name}`,
  failures: caught ? [] : [`the check of invariant ${invariant} does not find what is wrong with it`],
});

export const matrix: Proof = {
  name: "matrix",
  title: "Whatever dies, whenever and however: the ten invariants hold",
  async run(context) {
    const { clock, signal, seed = freshSeed(clock) } = context;
    const sinceMs = clock.monotonicMs();
    const naive = await tryAll(context);
    const played = await playAll({ ...context, seed });
    signal.throwIfAborted();
    return proved(seed, [...played.map(rowOfCell), ...naive.map(rowOfNaive)], {
      cells: played.filter(({ skipped }) => skipped === undefined).length,
      "slower than promised": played.filter(({ slow }) => slow.length > 0).length,
      naive: naive.length,
      seconds: Math.round((clock.monotonicMs() - sinceMs) / 100) / 10,
    });
  },
};
