/** A program that kills itself when it hears that its last entries are written, before the disk is asked to have them: `node … <dir> <subject>`. */
import { systemClock } from "@corral/kernel";
import { openSqliteStore } from "./sqlite.ts";

const [dir = "", subject = ""] = process.argv.slice(2);
// Every commit seems quick, so that soon they are made on this thread.
const store = await openSqliteStore({ dir, clock: { ...systemClock, monotonicMs: () => 0 } });
const textAt = (cursor: number): string => `${subject}:${cursor}`;

let last = 0;
while (last < 40) last = await store.append({ subject, expected: last, entries: [textAt(last + 1)] });

// A commit on this thread is made with what is due next; word from the other thread comes later.
await new Promise(setImmediate);
let isThisThread = true;
const written = () => void (isThisThread && process.kill(process.pid, "SIGKILL"));
const entries = [1, 2, 3].map((at) => textAt(last + at));
const kept = store.append({ subject, expected: last, entries, written });
process.nextTick(() => {
  isThisThread = false;
});
process.stdout.write(`${await kept} kept\n`);
