/** Has a daemon give back, at a signal, all memory that it does not use, and say how much it still holds. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { type Clock, sleep } from "@corral/kernel";
import type { House } from "../cell/house.ts";

/** Loaded before the daemon, and in each of its threads. The file is whole when it is there. */
const program = (file: string): string => `
import { renameSync, writeFileSync } from "node:fs";
import { BroadcastChannel, isMainThread } from "node:worker_threads";
const tidy = () => { for (let times = 0; times < 3; times++) globalThis.gc(); };
const threads = new BroadcastChannel("settle");
threads.unref();
if (!isMainThread) threads.onmessage = tidy;
else process.on("SIGUSR2", () => {
  threads.postMessage("settle");
  tidy();
  setTimeout(() => {
    const { rss, heapUsed, external } = process.memoryUsage();
    writeFileSync(${JSON.stringify(`${file}.part`)}, JSON.stringify({ residentBytes: rss, heldBytes: heapUsed + external }));
    renameSync(${JSON.stringify(`${file}.part`)}, ${JSON.stringify(file)});
  }, 200);
});
`;

/**
 * The engine keeps more room for young objects, in steps up to some 100 MB, the busier it has once been. Nothing is in that room,
 * yet it would hide what does grow.
 */
const youngOnesBound = "--max-semi-space-size=2";

/** The same program, which can now be told to settle; it answers in a file. */
export const settling = (
  [command, ...rest]: readonly [string, ...string[]],
  file: string,
): readonly [string, ...string[]] => {
  const module = `data:text/javascript,${encodeURIComponent(program(file))}`;
  return [command, "--expose-gc", youngOnesBound, "--import", module, ...rest];
};

export interface Settled {
  /** What the system counts, freed pages that it has not taken back among it. */
  readonly residentBytes: number;
  /** What the program itself can still reach. */
  readonly heldBytes: number;
}

const lookMs = 20;
/** Whoever does not settle in so long has ended. */
const limitMs = 60_000;

export async function settle(
  house: House,
  file: string,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Settled> {
  rmSync(file, { force: true });
  house.signal("SIGUSR2");
  const dueMs = clock.monotonicMs() + limitMs;
  while (!existsSync(file)) {
    if (!house.isAlive || clock.monotonicMs() > dueMs) throw new Error("the daemon has ended, or does not settle");
    await sleep(clock, lookMs, { signal });
  }
  return JSON.parse(readFileSync(file, "utf8")) as Settled;
}
