/** One installation of a harness at a time, across processes: held in the system's name, so that it dies with its holder. */
import { chmod, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { type Clock, sleep } from "../ports/clock.ts";

export interface LockNeed {
  readonly path: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called once, when somebody else has it. */
  readonly onWait: () => void;
}

const firstLookMs = 50;
const slowestLookMs = 500;

/**
 * The file is made private before SQLite, which would make it by the umask, sees it; it stays, for removing a lock is a race.
 * One that is there is not opened: closing any handle of a file that this process holds a lock on would drop the lock.
 */
async function makeLockFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await chmod(dirname(path), 0o700);
  try {
    await (await open(path, "wx", 0o600)).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

const sqliteBusy = 5;
const isBusy = (error: unknown): boolean => ((error as { errcode?: number }).errcode ?? 0) % 256 === sqliteBusy;

async function tryLock(path: string): Promise<(() => void) | undefined> {
  // Loaded here, since few lives of a daemon install anything.
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(path);
  try {
    // Nothing is ever written here, and no journal is to lie about.
    db.exec("PRAGMA journal_mode = MEMORY");
    // Held until this process ends, however it ends: the system gives a dead process's locks back.
    db.exec("BEGIN EXCLUSIVE");
    return () => db.close();
  } catch (error) {
    db.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
}

/** Resolves with what gives the lock back. */
export async function takeLock({ path, clock, signal, onWait }: LockNeed): Promise<() => void> {
  await makeLockFile(path);
  for (let delayMs = firstLookMs, looks = 0; ; looks += 1, delayMs = Math.min(delayMs * 2, slowestLookMs)) {
    signal.throwIfAborted();
    const release = await tryLock(path);
    if (release) return release;
    if (looks === 0) onWait();
    await sleep(clock, delayMs, { signal });
  }
}
