/** Counts how often a program ends soon after it began: how many times in a row, and when it is too often. */
import type { Clock } from "../ports/clock.ts";

export interface Intensity {
  /** That many rapid ends within the period are borne; one more is too many. */
  readonly count: number;
  readonly periodMs: number;
  /** An end is rapid when the program lived less than this; without it every end counts. */
  readonly rapidMs?: number;
}

export interface Tally {
  /** The program has ended. */
  add(livedMs: number): void;
  /** How many ends stand in a row, the last one included. */
  readonly inARow: number;
  /** Whether it ended too often within the period that ends now. */
  readonly tooOften: boolean;
}

export function createTally({ clock, intensity }: { readonly clock: Clock; readonly intensity: Intensity }): Tally {
  const { count, periodMs, rapidMs = Number.POSITIVE_INFINITY } = intensity;
  let endsAtMs: readonly number[] = [];
  let inARow = 0;
  return {
    add(livedMs) {
      const rapid = livedMs < rapidMs;
      inARow = rapid ? inARow + 1 : 1;
      if (rapid) endsAtMs = [...endsAtMs, clock.monotonicMs()].slice(-count - 1);
    },
    get inARow() {
      return inARow;
    },
    get tooOften() {
      const nowMs = clock.monotonicMs();
      return endsAtMs.filter((atMs) => nowMs - atMs < periodMs).length > count;
    },
  };
}
