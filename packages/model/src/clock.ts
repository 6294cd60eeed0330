/** Time, as far as the model server needs it: the kernel's clock fits, and so does any other with these two methods. */

export interface ModelClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back once after a while; the answer takes it back. */
  after(delayMs: number, call: () => void): () => void;
}

/** Resolves after a while, or at once when there is nobody left to wait for. */
export function waitFor(clock: ModelClock, delayMs: number, gone: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (gone.aborted) return Promise.resolve();
  const takeBack = clock.after(delayMs, resolve);
  const leave = () => {
    takeBack();
    resolve();
  };
  gone.addEventListener("abort", leave, { once: true });
  return promise.finally(() => gone.removeEventListener("abort", leave));
}
