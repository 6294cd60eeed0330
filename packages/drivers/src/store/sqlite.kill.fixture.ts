/** Appends for ever from several writers and says what was acknowledged, until it is killed: `node … <dir> <writers>`. */
import { openSqliteStore } from "./sqlite.ts";

const [dir = "", writers = "1"] = process.argv.slice(2);
const store = await openSqliteStore({ dir });

async function write(subject: string): Promise<never> {
  for (let last = (await store.head(subject))?.last ?? 0; ; ) {
    const entries = Array.from({ length: 1 + (last % 3) }, (_, at) => `${subject}:${last + at + 1}`);
    last = await store.append({ subject, expected: last, entries });
    process.stdout.write(`${subject} ${last}\n`);
  }
}

await Promise.all(Array.from({ length: Number(writers) }, (_, at) => write(`w${at}`)));
