/** The thread that writes the SQLite file: opens it, then commits one group of writes after another. */
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { refusalOf } from "./sqlite-faults.ts";
import { migrate, newestSchema, schemaOf } from "./sqlite-schema.ts";
import type { FromWorker, ToWorker, WorkerNeed } from "./sqlite-wire.ts";
import { Writer } from "./sqlite-write.ts";

const say = (message: FromWorker): void => parentPort?.postMessage(message);

function openFile({ file, maxBytes }: WorkerNeed): DatabaseSync | undefined {
  const db = new DatabaseSync(file, { timeout: 5_000 });
  const schema = schemaOf(db);
  if (schema > newestSchema) {
    db.close();
    const detail = `${file} has schema ${schema}; this release knows schemas up to ${newestSchema}`;
    const help = "Start the release that wrote it, or a later one; or choose another state directory.";
    say({ failed: { code: "store.newer", detail, help, more: { schema, newestSchema } } });
    return undefined;
  }
  db.exec("PRAGMA journal_mode = WAL");
  db.exec("PRAGMA synchronous = FULL");
  // A write-ahead log that one large append made long is cut back at the next checkpoint.
  db.exec("PRAGMA journal_size_limit = 16777216");
  migrate(db);
  if (maxBytes !== undefined) {
    const pageBytes = Number(db.prepare("PRAGMA page_size").get()?.page_size);
    db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`);
  }
  return db;
}

function serve(need: WorkerNeed): void {
  const db = openFile(need);
  if (!db) return;
  const writer = new Writer(db);
  parentPort?.on("message", (message: ToWorker) => {
    if (message !== "close") return say(writer.apply(message));
    db.close();
    parentPort?.close();
  });
  say("ready");
}

try {
  serve(workerData as WorkerNeed);
} catch (error) {
  say({ failed: refusalOf(error) });
}
