/** The port of time and chance: the only door through which either comes in. */

export interface Clock {
  /** Milliseconds since 1970, as a wall clock shows them; may jump. */
  now(): number;
  /** Milliseconds that only ever grow; for durations and deadlines. */
  monotonicMs(): number;
  /** Calls back once after a while; the answer takes it back. A pending call does not keep the program alive. */
  after(delayMs: number, call: () => void): () => void;
  /** Calls back when the work at hand is done, before any waiting. */
  soon(call: () => void): void;
  /** That many bytes of chance. */
  chance(bytes: number): Uint8Array;
}

/** Resolves after a while, or rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, delayMs: number, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      takeBack();
      reject(signal?.reason);
    };
    const takeBack = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

export const isoTime = (clock: Clock): string => new Date(clock.now()).toISOString();
