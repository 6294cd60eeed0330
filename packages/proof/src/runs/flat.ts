/** Judges a series of samples: whatever a daemon holds must not grow with the runs that it has seen. */
import type { Sample } from "./sample.ts";

/** Of runs that ended badly so many folders are kept for the reader. */
const keptRunFolders = 20;

/** What the program can reach is counted exactly, after the rest was given back. */
const heldPlayBytes = 4 * 1024 * 1024;

/** Pages that the system has not taken back are not held by anybody, so there is some play. */
const growthBound = 1.25;
const growthPlayBytes = 24 * 1024 * 1024;

const average = (numbers: readonly number[]): number =>
  numbers.reduce((sum, one) => sum + one, 0) / Math.max(1, numbers.length);

const between = (samples: readonly Sample[], from: number, to: number): readonly Sample[] => {
  const last = samples.at(-1)?.runs ?? 0;
  return samples.filter(({ runs }) => runs > last * from && runs <= last * to);
};

export interface Growth {
  readonly earlier: number;
  readonly later: number;
}

/** Of a thousand runs these are 200 to 400 and 800 to 1,000. */
export const growthOf = (samples: readonly Sample[], pick: (sample: Sample) => number): Growth => ({
  earlier: average(between(samples, 0.2, 0.4).map(pick)),
  later: average(between(samples, 0.8, 1).map(pick)),
});

function grew(what: string, { earlier, later }: Growth, playBytes = growthPlayBytes): readonly string[] {
  const bound = Math.max(earlier * growthBound, earlier + playBytes);
  if (later <= bound) return [];
  return [`${what} grew from ${Math.round(earlier)} to ${Math.round(later)} bytes`];
}

const any = (what: string, list: readonly string[], runs: number): readonly string[] =>
  list.length === 0 ? [] : [`after ${runs} runs ${list.length} ${what}: ${list.slice(0, 5).join("; ")}`];

function still({
  runs,
  openedFiles,
  children,
  carriers,
  tempFolders,
  sessionFolders,
  runFolders,
}: Sample): readonly string[] {
  return [
    ...any("files are open that were not", openedFiles, runs),
    ...any("processes carry the daemon's mark", carriers, runs),
    ...any("runs have temporary files", tempFolders, runs),
    ...(children === 0 ? [] : [`after ${runs} runs the daemon has ${children} children`]),
    ...(sessionFolders === 0 ? [] : [`after ${runs} runs ${sessionFolders} sessions have a directory`]),
    ...(runFolders <= keptRunFolders ? [] : [`after ${runs} runs ${runFolders} runs have a directory`]),
  ];
}

function sameFiles(samples: readonly Sample[]): readonly string[] {
  const [first, last] = [samples[0], samples.at(-1)];
  const fresh = last?.otherFiles.filter((file) => !first?.otherFiles.includes(file)) ?? [];
  return any("files are new in the state directory", fresh, last?.runs ?? 0);
}

export interface Verdict {
  readonly name: string;
  readonly failures: readonly string[];
}

/** The first sample is that of the daemon before its first run. */
export function judge(samples: readonly Sample[]): readonly Verdict[] {
  const growing = (what: string, pick: (sample: Sample) => number, playBytes?: number) =>
    grew(what, growthOf(samples, pick), playBytes);
  const held = growing("what it holds", (one) => one.heldBytes, heldPlayBytes);
  const memory = growing("memory", (one) => one.residentBytes);
  const state = growing("the state directory", (one) => one.stateBytes);
  return [
    { name: "nothing is left after the runs", failures: samples.slice(1).flatMap(still) },
    { name: "memory is flat", failures: [...held, ...memory] },
    { name: "the state directory is flat", failures: [...sameFiles(samples), ...state] },
  ];
}
