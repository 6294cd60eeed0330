/** Counts how often a program ends soon after it began, and says when that is too often. */
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
  /** Whether it ended too often within the period that ends now. */
  readonly tooOften: boolean;
}

export function createTally({ clock, intensity }: { readonly clock: Clock; readonly intensity: Intensity }): Tally {
  const { count, periodMs, rapidMs = Number.POSITIVE_INFINITY } = intensity;
  let endsAtMs: readonly number[] = [];
  return {
    add(livedMs) {
      if (livedMs < rapidMs) endsAtMs = [...endsAtMs, clock.monotonicMs()].slice(-count - 1);
    },
    get tooOften() {
      const nowMs = clock.monotonicMs();
      return endsAtMs.filter((atMs) => nowMs - atMs < periodMs).length > count;
    },
  };
}
