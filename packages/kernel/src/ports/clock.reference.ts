/** A clock that stands still until it is told to move; chance that repeats itself from a seed. */
import type { Clock } from "./clock.ts";

export interface ManualClock extends Clock {
  /** Moves time on and calls back, in order, whatever has come due. */
  advance(ms: number): void;
}

interface Pending {
  readonly dueMs: number;
  readonly call: () => void;
}

export function manualClock({ startMs = 1_700_000_000_000, seed = 1 } = {}): ManualClock {
  let elapsedMs = 0;
  let state = seed;
  const pending = new Set<Pending>();
  const nextDue = (limitMs: number): Pending | undefined =>
    [...pending].filter(({ dueMs }) => dueMs <= limitMs).sort((a, b) => a.dueMs - b.dueMs)[0];
  return {
    now: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    after(delayMs, call) {
      const one = { dueMs: elapsedMs + Math.max(0, delayMs), call };
      pending.add(one);
      return () => void pending.delete(one);
    },
    soon: (call) => queueMicrotask(call),
    chance(bytes) {
      return Uint8Array.from({ length: bytes }, () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return state >>> 24;
      });
    },
    advance(ms) {
      const limitMs = elapsedMs + ms;
      for (let next = nextDue(limitMs); next; next = nextDue(limitMs)) {
        pending.delete(next);
        elapsedMs = Math.max(elapsedMs, next.dueMs);
        next.call();
      }
      elapsedMs = limitMs;
    },
  };
}
