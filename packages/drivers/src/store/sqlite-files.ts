/** The files of a state directory: private to their owner under any umask, and locked by one process at a time. */
import * as fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "@corral/protocol";
import { refusalOf } from "./sqlite-faults.ts";

const ownerOnly = 0o700;
const shared = 0o1000;
const names = ["corral.db", "corral.db-wal", "corral.db-shm", "lock.db", "lock.pid"];

const modeOf = (path: string): number | undefined => fs.statSync(path, { throwIfNoEntry: false })?.mode;

/** Only takes rights away: what its owner made read-only stays so and is refused. */
function tighten(path: string): void {
  const mode = modeOf(path);
  if (mode !== undefined && (mode & 0o077) !== 0) fs.chmodSync(path, mode & ownerOnly);
}

/** A new directory survives a power cut only when the one above it was synced. */
export function syncNames(dir: string): void {
  const open = fs.openSync(dir, fs.constants.O_RDONLY);
  try {
    fs.fsyncSync(open);
  } finally {
    fs.closeSync(open);
  }
}

function makeDir(dir: string): void {
  const created = fs.mkdirSync(dir, { recursive: true, mode: ownerOnly });
  if (created === undefined) return;
  fs.chmodSync(dir, ownerOnly);
  for (let made = dir; made.length >= created.length; made = dirname(made)) syncNames(dirname(made));
}

/**
 * SQLite would make its file by the umask; the files beside it take their mode from it. Opened only when it is not there:
 * closing any handle of a file that this process holds a lock on would drop the lock.
 */
function makeFile(path: string): void {
  if (modeOf(path) === undefined) {
    fs.closeSync(fs.openSync(path, "wx", 0o600));
    fs.chmodSync(path, 0o600);
  }
  fs.accessSync(path, fs.constants.R_OK | fs.constants.W_OK);
}

export interface StateFiles {
  readonly database: string;
  /** Gives the directory back to other processes. */
  release(): void;
}

function lock(dir: string): () => void {
  const path = join(dir, "lock.db");
  const pidPath = join(dir, "lock.pid");
  makeFile(path);
  const db = new DatabaseSync(path);
  try {
    // Nothing is ever written here, and no journal is to lie about.
    db.exec("PRAGMA journal_mode = MEMORY");
    // Held until this process ends, however it ends: the system gives a dead process's locks back.
    db.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    const refusal = refusalOf(error);
    if (refusal.code !== "store.locked") throw error;
    throw lockedBy(dir, pidPath, refusal.help);
  }
  makeFile(pidPath);
  fs.writeFileSync(pidPath, `${process.pid}\n`);
  return () => db.close();
}

function lockedBy(dir: string, pidPath: string, help = ""): Fault {
  const pid = modeOf(pidPath) === undefined ? "" : fs.readFileSync(pidPath, "utf8").trim();
  const who = pid === "" ? "Another daemon" : `The daemon with process id ${pid}`;
  return new Fault("store.locked", {
    detail: `${who} uses the state directory ${dir}`,
    help,
    more: { dir, ...(pid === "" ? {} : { pid: Number(pid) }) },
  });
}

/** Makes or tightens the state directory and takes its lock. */
export function takeStateFiles(path: string): StateFiles {
  const dir = resolve(path);
  try {
    makeDir(dir);
    // Such as /tmp: taking everybody else's rights there would break the machine.
    if (((modeOf(dir) ?? 0) & shared) !== 0) {
      const help = "Name a directory of its own, for example one below it.";
      throw new Fault("config.invalid", { detail: `The state directory ${dir} is shared with other users`, help });
    }
    tighten(dir);
    const database = join(dir, "corral.db");
    for (const name of names) tighten(join(dir, name));
    fs.accessSync(dir, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
    const release = lock(dir);
    try {
      makeFile(database);
    } catch (error) {
      release();
      throw error;
    }
    return { database, release };
  } catch (error) {
    if (error instanceof Fault) throw error;
    const refusal = refusalOf(error);
    throw new Fault(refusal.code, { ...refusal, cause: error });
  }
}
