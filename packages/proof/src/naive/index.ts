/** Deliberately naive implementations, put through the very checks that the cells are put through: every one must be caught. */
import type { Evidence } from "../look/evidence.ts";
import { noEvidence } from "../look/evidence.ts";
import { failuresOf } from "../look/invariants.ts";
import {
  doubleEnd,
  hungAsk,
  lateLoss,
  lostEvent,
  type NaiveNeed,
  stateBeside,
  twoWriters,
  viewerOwned,
} from "./logs.ts";
import { endlessClose, envLeak, loosePath, orphan } from "./machines.ts";

export interface Naive {
  readonly name: string;
  /** The invariant that it breaks. */
  readonly invariant: number;
  readonly play: (need: NaiveNeed) => Promise<Partial<Evidence>>;
}

export const naiveClasses: readonly Naive[] = [
  { name: "viewer owns the session", invariant: 1, play: viewerOwned },
  { name: "two writers", invariant: 2, play: twoWriters },
  { name: "state beside the log", invariant: 3, play: stateBeside },
  { name: "lost event", invariant: 4, play: lostEvent },
  { name: "hung ask", invariant: 5, play: hungAsk },
  { name: "double end", invariant: 5, play: doubleEnd },
  { name: "late loss", invariant: 6, play: lateLoss },
  { name: "endless close", invariant: 7, play: endlessClose },
  { name: "env leak", invariant: 8, play: envLeak },
  { name: "loose path", invariant: 9, play: loosePath },
  { name: "orphan", invariant: 10, play: orphan },
];

export interface NaiveResult {
  readonly name: string;
  readonly invariant: number;
  /** Whether the check found what is wrong with it. */
  readonly caught: boolean;
  /** What the check said. */
  readonly says: readonly string[];
}

export async function tryNaive({ name, invariant, play }: Naive, need: NaiveNeed): Promise<NaiveResult> {
  const failures = failuresOf({ ...noEvidence, ...(await play(need)) });
  const says = failures.filter((failure) => failure.invariant === invariant).map((failure) => failure.says);
  return { name, invariant, caught: says.length > 0, says };
}
