/** The daemon's database as others see it: the log of a session as it is on the disk, and a hand that holds back all writing. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { SessionEvent } from "@corral/protocol";

const open = (stateDir: string, readOnly: boolean) =>
  new DatabaseSync(join(stateDir, "corral.db"), { readOnly, timeout: 5_000 });

/** The stored text of each event of a session. */
export function readTexts(stateDir: string, session: string): readonly string[] {
  const db = open(stateDir, true);
  try {
    const rows = db
      .prepare("SELECT text FROM entries WHERE subject_id = (SELECT id FROM subjects WHERE name = ?) ORDER BY cursor")
      .all(session);
    return rows.map(({ text }) => String(text));
  } finally {
    db.close();
  }
}

export const readLog = (stateDir: string, session: string): readonly SessionEvent[] =>
  readTexts(stateDir, session).map((text) => JSON.parse(text) as SessionEvent);

/** Nothing is committed until it is let go: whatever happens meanwhile is not on the disk. */
export function holdWrites(stateDir: string): Disposable {
  const db = open(stateDir, false);
  db.exec("BEGIN IMMEDIATE");
  return {
    [Symbol.dispose]: () => {
      if (db.isOpen) db.close();
    },
  };
}
