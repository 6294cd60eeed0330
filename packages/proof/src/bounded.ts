/** Work with a limit: when the time is up its signal is aborted, with a reason that says so. */
import type { Clock } from "@corral/kernel";

export interface Bound {
  readonly limitMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export async function bounded<Answer>(
  { limitMs, clock, signal }: Bound,
  work: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const late = new AbortController();
  const takeBack = clock.after(limitMs, () => late.abort(new Error(`it took more than ${limitMs} ms`)));
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } finally {
    takeBack();
  }
}
