/** Time and chance of the machine. */
import { randomBytes } from "node:crypto";
import type { Clock } from "./clock.ts";

const poolBytes = 4096;
let pool: Buffer = Buffer.alloc(0);

/** Few bytes of chance cost as much as many, so they are fetched ahead; none is given twice. */
function chance(bytes: number): Uint8Array {
  if (bytes > poolBytes / 4) return randomBytes(bytes);
  if (pool.length < bytes) pool = randomBytes(poolBytes);
  const given = pool.subarray(0, bytes);
  pool = pool.subarray(bytes);
  return given;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon: (call) => void setImmediate(call),
  chance,
};
