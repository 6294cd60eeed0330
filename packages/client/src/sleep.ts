/** How the client waits: the one place where it asks the platform for time. */

/** Resolves after a while, or rejects with the signal's reason when it is aborted first. */
export type Sleep = (delayMs: number, options: { readonly signal: AbortSignal }) => Promise<void>;

/** Node ends a program that waits for nothing but a timeout signal; a port that listens keeps it, and other platforms do not mind. */
function stayAwake(): () => void {
  if (typeof MessageChannel === "undefined") return () => undefined;
  const { port1 } = new MessageChannel();
  port1.onmessage = () => undefined;
  return () => port1.close();
}

export const platformSleep: Sleep = (delayMs, { signal }) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const alarm = AbortSignal.timeout(Math.ceil(delayMs));
    const letGo = stayAwake();
    const settle = () => {
      letGo();
      alarm.removeEventListener("abort", settle);
      signal.removeEventListener("abort", settle);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    alarm.addEventListener("abort", settle);
    signal.addEventListener("abort", settle);
  });

/** One signal for several, of which some may be absent. */
export const anySignal = (...signals: readonly (AbortSignal | undefined)[]): AbortSignal =>
  AbortSignal.any(signals.filter((signal) => signal !== undefined));

interface Limits {
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
  /** What the work is ended with when it takes too long. */
  readonly late: () => unknown;
}

/** Does something that gets a signal, and aborts the signal when the time is up. */
export async function within<Answer>(
  limitMs: number,
  { sleep, signal, late }: Limits,
  work: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const limit = new AbortController();
  const both = anySignal(signal, limit.signal);
  const alarm = sleep(limitMs, { signal: both }).then(() => limit.abort(late()));
  alarm.catch(() => undefined); // Called off by the work's end or by the caller's signal, and both say so themselves.
  try {
    return await unless(both, work(both));
  } finally {
    limit.abort();
  }
}

/** Settles as the promise does, or rejects as soon as the signal is aborted, whatever the promise does. */
export const unless = <Value>(signal: AbortSignal, promise: Promise<Value>): Promise<Value> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });

const firstDelayMs = 1_000;
const longestDelayMs = 30_000;

export interface Pace {
  /** How long to wait before the next try: 1 s, 2 s, 4 s … 30 s. */
  next(): number;
  /** Something worked: start again from the shortest delay. */
  reset(): void;
}

export function backOff(): Pace {
  let delayMs = firstDelayMs;
  return {
    next() {
      const given = delayMs;
      delayMs = Math.min(longestDelayMs, delayMs * 2);
      return given;
    },
    reset: () => {
      delayMs = firstDelayMs;
    },
  };
}
