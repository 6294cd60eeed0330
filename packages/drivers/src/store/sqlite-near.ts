/** Commits small groups on this thread while the disk is quick: two changes of threads then cost more than the commit itself. */
import { closeSync, fdatasyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "@corral/kernel";
import { syncNames } from "./sqlite-files.ts";
import type { Answer, Write } from "./sqlite-wire.ts";
import { Writer } from "./sqlite-write.ts";

/** A disk is quick while commits take no longer on the average, the newest counting most; until it has shown so, it is not. */
const quickMs = 1.5;
const newestCounts = 0.2;
const unknownMs = 40;
/** What is larger is worth the change of threads. */
const mostWrites = 4;
const mostLetters = 32 * 1024;
/** The thread folds the write-ahead log into the file as it grows; it has to come to it now and then. */
const mostInRow = 200;

export interface NearNeed {
  /** Taken over. */
  readonly db: DatabaseSync;
  readonly file: string;
  readonly clock: Clock;
  /** How what is written to an open file is brought to the disk. */
  readonly sync?: (open: number) => void;
}

export interface Near {
  /**
   * The answers, or nothing when the thread is to commit this group. What is written then survives the end of this process, and
   * after the next `flush` a power cut.
   */
  write(group: readonly Write[]): readonly Answer[] | undefined;
  /** When it throws, nobody knows what the disk has of what was written: it may not even try to write it again. */
  flush(): void;
  /** Tells how long the thread took for a group, from here and back. */
  tookElsewhere(ms: number): void;
  close(): void;
}

const lettersOf = (write: Write): number =>
  "subject" in write ? write.entries.reduce((sum, text) => sum + text.length, 0) : Number.POSITIVE_INFINITY;

const isSmall = (group: readonly Write[]): boolean =>
  group.length <= mostWrites && group.reduce((sum, write) => sum + lettersOf(write), 0) <= mostLetters;

export function createNear({ db, file, clock, sync = fdatasyncSync }: NearNeed): Near {
  // The end of a transaction writes the write-ahead log; that the disk has it is seen to by `flush`.
  db.exec("PRAGMA synchronous = NORMAL");
  // Folding the log into the file takes its time, and whoever holds a lock for that long is not waited for here.
  db.exec("PRAGMA wal_autocheckpoint = 0");
  db.exec("PRAGMA busy_timeout = 0");
  // It stays the same file for as long as a connection is open.
  const log = openSync(`${file}-wal`, "r+");
  let named = false;
  const writer = new Writer(db);
  let usualMs = unknownMs;
  let inRow = 0;
  /** How long the writing took of what is to be flushed. */
  let writingMs: number | undefined;
  const took = (ms: number): void => {
    usualMs += newestCounts * (ms - usualMs);
  };
  const flush = (): void => {
    if (writingMs === undefined) return;
    const sinceMs = clock.monotonicMs() - writingMs;
    writingMs = undefined;
    if (!named) syncNames(dirname(file));
    named = true;
    sync(log);
    took(clock.monotonicMs() - sinceMs);
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
    write(group) {
      if (!db.isOpen || usualMs > quickMs || inRow >= mostInRow || !isSmall(group)) return undefined;
      const sinceMs = clock.monotonicMs();
      const answers = tryOut(group);
      if (answers) writingMs = (writingMs ?? 0) + clock.monotonicMs() - sinceMs;
      else took(unknownMs);
      inRow += 1;
      return answers;
    },
    flush,
    tookElsewhere(ms) {
      inRow = 0;
      took(ms);
    },
    close() {
      if (!db.isOpen) return;
      closeSync(log);
      db.close();
    },
  };
}
