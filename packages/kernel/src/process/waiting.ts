/** Waits with a bound for things to end. */
import { MessageChannel } from "node:worker_threads";
import { type Clock, sleep } from "../ports/clock.ts";
import { type Identity, isAlive } from "./proc-table.ts";

/** True when the promise settles in time. */
export function settlesWithin(clock: Clock, promise: Promise<unknown>, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const takeBack = clock.after(limitMs, () => resolve(false));
    const settled = () => {
      takeBack();
      resolve(true);
    };
    promise.then(settled, settled);
  });
}

/** Waits until none of them runs any more, or until the deadline. */
export async function allGone(clock: Clock, those: readonly Identity[], deadlineMs: number): Promise<boolean> {
  for (let pauseMs = 2; those.some(isAlive); pauseMs = Math.min(40, pauseMs * 2)) {
    if (clock.monotonicMs() >= deadlineMs) return false;
    await sleep(clock, pauseMs);
  }
  return true;
}

/**
 * Does a piece of work to its end: the clock's timers do not keep a program alive, but a program that closes its children
 * must not end, for lack of anything else to do, before they are gone.
 */
export async function heldOpen<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  const { port1, port2 } = new MessageChannel();
  port1.ref();
  try {
    return await work();
  } finally {
    port1.close();
    port2.close();
  }
}
