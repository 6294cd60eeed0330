/** Opens the SQLite file for writing and brings it to this release's schema. Imports little: the writing thread starts faster. */
import { DatabaseSync } from "node:sqlite";
import { migrate } from "./sqlite-schema.ts";
import type { WorkerNeed } from "./sqlite-wire.ts";

function prepare(db: DatabaseSync, { maxBytes }: WorkerNeed): void {
  db.exec("PRAGMA journal_mode = WAL");
  db.exec("PRAGMA synchronous = FULL");
  // A write-ahead log that one large append made long is cut back at the next checkpoint.
  db.exec("PRAGMA journal_size_limit = 16777216");
  migrate(db);
  if (maxBytes === undefined) return;
  const pageBytes = Number(db.prepare("PRAGMA page_size").get()?.page_size);
  db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`);
}

/** A file that does not pass the check is left as it is. */
export function openToWrite(need: WorkerNeed, check: (db: DatabaseSync) => void = () => undefined): DatabaseSync {
  const db = new DatabaseSync(need.file, { timeout: 5_000 });
  try {
    check(db);
    prepare(db, need);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
