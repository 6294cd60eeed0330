/** Opens a store under a umask, says so, and holds it until its stdin ends: `node … <dir> <umask in octal> [leave]`. */
import { openSqliteStore } from "./sqlite.ts";

const [dir = "", umask = "022", leave] = process.argv.slice(2);
process.umask(Number.parseInt(umask, 8));

const store = await openSqliteStore({ dir });
const expected = (await store.head("held"))?.last ?? 0;
await store.append({ subject: "held", expected, entries: ["{}"] });
process.stdout.write("ready\n");

// Asked to leave, it ends without closing: an idle store must not keep its program alive.
if (leave === undefined) {
  for await (const _ of process.stdin);
  await store[Symbol.asyncDispose]();
}
