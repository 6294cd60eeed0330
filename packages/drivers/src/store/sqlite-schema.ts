/** The tables of the SQLite file, as numbered steps: each is applied once, in a transaction of its own, and never edited. */
import type { DatabaseSync } from "node:sqlite";

export interface Migration {
  readonly number: number;
  readonly sql: string;
}

export const migrations: readonly Migration[] = [
  {
    number: 1,
    sql: `
      CREATE TABLE IF NOT EXISTS subjects (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first INTEGER NOT NULL, last INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE IF NOT EXISTS entries (
        pos INTEGER PRIMARY KEY, subject_id INTEGER NOT NULL, cursor INTEGER NOT NULL, text TEXT NOT NULL,
        UNIQUE (subject_id, cursor)
      ) STRICT;`,
  },
  {
    // Beside the subjects, not in them: a row of subjects is written with every append, and a snapshot may be large.
    number: 2,
    sql: `
      CREATE TABLE IF NOT EXISTS snapshots (
        subject_id INTEGER PRIMARY KEY, cursor INTEGER NOT NULL, text TEXT NOT NULL
      ) STRICT;`,
  },
  {
    number: 3,
    sql: `
      CREATE TABLE IF NOT EXISTS receipts (
        pos INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, text TEXT NOT NULL, at TEXT NOT NULL
      ) STRICT;
      CREATE INDEX IF NOT EXISTS receipts_by_age ON receipts (at);`,
  },
];

export const newestSchema = migrations.at(-1)?.number ?? 0;

export function schemaOf(db: DatabaseSync): number {
  return Number(db.prepare("PRAGMA user_version").get()?.user_version);
}

function apply(db: DatabaseSync, { number, sql }: Migration): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    db.exec(sql);
    db.exec(`PRAGMA user_version = ${number}`);
    db.exec("COMMIT");
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

/** Brings a file of any earlier schema to that of the last step; a file that is there already stays as it is. */
export function migrate(db: DatabaseSync, steps: readonly Migration[] = migrations): void {
  const from = schemaOf(db);
  for (const step of steps) if (step.number > from) apply(db, step);
}
