/** Looks at something again and again until it is well, and never beyond a deadline. */
import { type Clock, sleep } from "../ports/clock.ts";

export interface HealthNeed {
  readonly clock: Clock;
  /** When the waiting is over, on the clock that only ever grows. */
  readonly deadlineMs: number;
  /** The pause between two looks. */
  readonly pollMs: number;
  /** How long one look may take. */
  readonly lookMs: number;
  /** Whether it is well; a look that fails has seen that it is not. */
  readonly look: (options: { readonly signal: AbortSignal }) => Promise<boolean>;
  /** Ends the waiting: it will not become well any more. */
  readonly signal: AbortSignal;
}

/** The last look has so much time of its own before the deadline. */
const lastLookMs = 500;

/** One look with a bound of its own: one that takes no notice of its signal is left alone, and counts as bad news. */
export async function lookOnce({ clock, look, signal }: HealthNeed, limitMs: number): Promise<boolean> {
  const over = new AbortController();
  const { promise: tooLate, resolve } = Promise.withResolvers<false>();
  const end = () => {
    over.abort();
    resolve(false);
  };
  const takeBack = clock.after(limitMs, end);
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  try {
    // Refused, cut or too late: whatever it is, nobody answers as they should.
    const seen = look({ signal: over.signal }).catch(() => false);
    return await Promise.race([seen, tooLate]);
  } finally {
    takeBack();
    signal.removeEventListener("abort", end);
  }
}

/** True as soon as a look says so; false when the last one, just before the deadline, does not. */
export async function untilHealthy(need: HealthNeed): Promise<boolean> {
  const { clock, deadlineMs, pollMs, lookMs, signal } = need;
  const lastMs = deadlineMs - Math.min(lastLookMs, (deadlineMs - clock.monotonicMs()) / 5);
  const left = () => lastMs - clock.monotonicMs();
  while (!signal.aborted && left() > 0) {
    if (await lookOnce(need, Math.min(lookMs, left()))) return true;
    if (!signal.aborted && left() > 0) await pause(clock, Math.min(pollMs, left()), signal);
  }
  const restMs = deadlineMs - clock.monotonicMs();
  return restMs > 0 && !signal.aborted && lookOnce(need, restMs);
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(clock, ms, { signal });
  } catch {
    // The waiting is over; whoever waits looks at the signal.
  }
}
