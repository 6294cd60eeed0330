/** Waits that end when they are not wanted any more. */

/** What a promise brings, or the signal's reason when that comes first. */
export const orAbort = <Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> =>
  new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    const settled = () => signal.removeEventListener("abort", onAbort);
    promise.then(resolve, reject).then(settled, settled);
  });
