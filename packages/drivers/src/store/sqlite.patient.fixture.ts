/** A program that appends what can wait and has nothing else to do; says what was kept. */
import { systemClock } from "@corral/kernel";
import { openSqliteStore } from "./sqlite.ts";

const [dir = ""] = process.argv.slice(2);
// Every commit seems quick, so that soon they are made on this thread.
const store = await openSqliteStore({ dir, clock: { ...systemClock, monotonicMs: () => 0 } });
let last = 0;
while (last < 40)
  last = await store.append({ subject: "a", expected: last, entries: ["x"], patient: true, written: () => undefined });
process.stdout.write(`${last} kept\n`);
