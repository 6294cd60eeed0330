/** Commits small groups on this thread while the disk is quick: two changes of threads then cost more than the commit itself. */
import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "@corral/kernel";
import type { Answer, Write } from "./sqlite-wire.ts";
import { Writer } from "./sqlite-write.ts";

/** A disk is quick after so many commits in a row that took no longer, and slow again after one that did. */
const quickMs = 1.5;
const quickInRow = 16;
/** What is larger is worth the change of threads. */
const mostWrites = 4;
const mostLetters = 32 * 1024;
/** The thread folds the write-ahead log into the file as it grows; it has to come to it now and then. */
const mostInRow = 200;

export interface Near {
  /** The answers, or nothing when the thread is to commit this group. */
  commit(group: readonly Write[]): readonly Answer[] | undefined;
  /** Tells how long the thread took for a group, from here and back. */
  tookElsewhere(ms: number): void;
  close(): void;
}

const lettersOf = (write: Write): number =>
  "subject" in write ? write.entries.reduce((sum, text) => sum + text.length, 0) : Number.POSITIVE_INFINITY;

const isSmall = (group: readonly Write[]): boolean =>
  group.length <= mostWrites && group.reduce((sum, write) => sum + lettersOf(write), 0) <= mostLetters;

/** Takes the connection over. */
export function createNear(db: DatabaseSync, clock: Clock): Near {
  // Folding the log into the file takes its time, and whoever holds a lock for that long is not waited for here.
  db.exec("PRAGMA wal_autocheckpoint = 0");
  db.exec("PRAGMA busy_timeout = 0");
  const writer = new Writer(db);
  let quick = 0;
  let inRow = 0;
  const took = (ms: number): void => {
    quick = ms <= quickMs ? quick + 1 : 0;
  };
  const tryOut = (group: readonly Write[]): readonly Answer[] | undefined => {
    try {
      return writer.commit(group);
    } catch {
      // A full disk, a lock: the thread finds it again, and says which writes are refused and why.
      return undefined;
    }
  };
  return {
    commit(group) {
      if (!db.isOpen || quick < quickInRow || inRow >= mostInRow || !isSmall(group)) return undefined;
      const sinceMs = clock.monotonicMs();
      const answers = tryOut(group);
      took(answers ? clock.monotonicMs() - sinceMs : Number.POSITIVE_INFINITY);
      inRow += 1;
      return answers;
    },
    tookElsewhere(ms) {
      inRow = 0;
      took(ms);
    },
    close: () => db.close(),
  };
}
