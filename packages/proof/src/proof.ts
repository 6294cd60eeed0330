/** What a proof is: a promise that is put to the test as a whole, and what it found. */
import type { Clock } from "@corral/kernel";

export interface ProofContext {
  /** What starts `corral`: the program and what comes before its own arguments. */
  readonly corral: readonly [string, ...string[]];
  /** What every program may have: PATH and such. */
  readonly hostEnv: Readonly<Record<string, string>>;
  /** An empty directory that the caller removes. */
  readonly folder: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Repeats what the same seed did before; a fresh one is drawn when absent. */
  readonly seed?: number;
  /** A part that is small enough for every change. */
  readonly quick: boolean;
  /** Only what has this word in its name or class; what a proof has no parts of plays as a whole. */
  readonly only?: string;
  /** How much may be done beside each other; as the proof likes it when absent. */
  readonly jobs?: number;
  /** Told of progress, a line at a time. */
  readonly tell: (line: string) => void;
}

export interface ProofRow {
  readonly name: string;
  /** What was found to be untrue; empty when the row passed. */
  readonly failures: readonly string[];
  /** Why it could not be tried here. */
  readonly skipped?: string;
}

export interface Proved {
  readonly passed: number;
  readonly failed: number;
  /** Rows that could not be tried here: they show nothing, so they are not passed either. */
  readonly skipped: number;
  readonly rows: readonly ProofRow[];
  readonly figures: Readonly<Record<string, number | string>>;
  readonly seed: number;
}

export interface Proof {
  readonly name: string;
  readonly title: string;
  run(context: ProofContext): Promise<Proved>;
}

/** One rule for tests and proofs: what only root may do is skipped by anybody else, with the reason; root has no such excuse. */
export const mayNotSkip = (): boolean => process.getuid?.() === 0;

export const proved = (seed: number, rows: readonly ProofRow[], figures: Proved["figures"]): Proved => {
  const failed = rows.filter(({ failures }) => failures.length > 0).length;
  const skipped = rows.filter((row) => row.failures.length === 0 && row.skipped !== undefined).length;
  return { passed: rows.length - failed - skipped, failed, skipped, rows, figures, seed };
};
