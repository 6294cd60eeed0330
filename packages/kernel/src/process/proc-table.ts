/** Reads Linux's table of processes: who is alive, whose child it is, when it began, and which marks it carries. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { basename } from "node:path";

/** The names of the two marks that every child carries in its environment, and passes on to whatever it starts. */
export const runMark = "CORRAL_RUN";
export const ownerMark = "CORRAL_OWNER";

export interface Marks {
  readonly run?: string;
  readonly owner?: string;
}

/** A pid alone names nobody for long; a pid and the tick at which it began do. */
export interface Identity {
  readonly pid: number;
  /** Absent where there is no /proc to ask. */
  readonly startTicks?: number;
}

export interface ProcessEntry extends Identity {
  readonly startTicks: number;
  readonly parent: number;
  readonly session: number;
  readonly marks: Marks;
  /** Whether its marks were read twice, so that the second reading stands. */
  readonly settled: boolean;
}

export type ProcessTable = ReadonlyMap<number, ProcessEntry>;

interface Stat {
  readonly alive: boolean;
  readonly parent: number;
  readonly session: number;
  readonly startTicks: number;
}

const kernelThreads = 2;
const mostRounds = 4;
const absentCodes = new Set(["ENOENT", "ESRCH", "EACCES", "EPERM"]);
const scratch = Buffer.allocUnsafe(256 * 1024);

export const hasProcessTable = (): boolean => existsSync("/proc/self/stat");

/** Reads a file of /proc; undefined when the process is gone or belongs to somebody whose files are not ours to read. */
function readProc(path: string): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const length = readSync(file, scratch, 0, scratch.length, 0);
    return length < scratch.length ? scratch.subarray(0, length) : readFileSync(path);
  } catch (cause) {
    // A process may end between its listing and its reading: then it is simply not there. Any other failure, such as too
    // many open files, must not read as "nothing is left".
    if (cause instanceof Error && "code" in cause && absentCodes.has(String(cause.code))) return undefined;
    throw cause;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function readStat(pid: number): Stat | undefined {
  const text = readProc(`/proc/${pid}/stat`)?.toString("latin1");
  if (!text) return undefined;
  // The name stands in brackets and may hold brackets and blanks itself: count from the last one.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  const dead = state === "Z" || state === "X" || state === "x";
  return {
    // A program whose first thread has ended reads as a zombie while its other threads run on.
    alive: !dead || Number(fields[17]) > 1,
    parent: Number(fields[1]),
    session: Number(fields[3]),
    startTicks: Number(fields[19]),
  };
}

/** Finds `NAME=value` at the start of one of the entries that NUL bytes divide. */
function markIn(environ: Buffer, name: string): string | undefined {
  const wanted = `${name}=`;
  for (let at = environ.indexOf(wanted); at !== -1; at = environ.indexOf(wanted, at + 1)) {
    if (at > 0 && environ[at - 1] !== 0) continue;
    const end = environ.indexOf(0, at);
    return environ.toString("utf8", at + wanted.length, end === -1 ? environ.length : end);
  }
  return undefined;
}

function readMarks(pid: number): Marks | undefined {
  const environ = readProc(`/proc/${pid}/environ`);
  if (!environ || environ.length === 0) return undefined;
  const run = markIn(environ, runMark);
  const owner = markIn(environ, ownerMark);
  return { ...(run === undefined ? {} : { run }), ...(owner === undefined ? {} : { owner }) };
}

const noMarks: Marks = {};

/** Lists pids again and again until a list has no new one: a program that forks and ends meanwhile must not slip through. */
function* listPids(): Generator<number> {
  const seen = new Set<number>();
  for (let round = 0, fresh = true; fresh && round < mostRounds; round++) {
    const pids = readdirSync("/proc").map(Number);
    fresh = false;
    for (const pid of pids) {
      if (!(pid > 0) || seen.has(pid)) continue;
      seen.add(pid);
      fresh = true;
      yield pid;
    }
  }
}

function readEntry(pid: number, before: ProcessEntry | undefined): ProcessEntry | undefined {
  const stat = readStat(pid);
  if (!stat?.alive || stat.parent === kernelThreads || pid === kernelThreads) return undefined;
  const { parent, session, startTicks } = stat;
  const again = before?.startTicks === startTicks;
  const marks = again && before.settled ? before.marks : readMarks(pid);
  return { pid, parent, session, startTicks, settled: again && marks !== undefined, marks: marks ?? noMarks };
}

/**
 * Makes a reader of the table. It remembers the marks of whom it has seen: a process cannot gain a mark that neither it
 * nor its parent had, and one that cleared its environment is still ours. The first reading does not stand, because it
 * may have met a program between its birth, when it has its parent's environment, and its start.
 */
export function createTableReader(): () => ProcessTable {
  let seen: ProcessTable = new Map();
  return () => {
    const table = new Map<number, ProcessEntry>();
    for (const pid of hasProcessTable() ? listPids() : []) {
      const entry = readEntry(pid, seen.get(pid));
      if (entry) table.set(pid, entry);
    }
    seen = table;
    return table;
  };
}

/** The tick at which whoever has this pid now began; a zombie still has its pid. */
export const startTicksOf = (pid: number): number | undefined => readStat(pid)?.startTicks;

/** Whether exactly this process still runs; one that has ended and waits to be collected does not. */
export function isAlive({ pid, startTicks }: Identity): boolean {
  const stat = readStat(pid);
  return stat?.alive === true && stat.startTicks === startTicks;
}

/** Sends a signal to exactly this process; answers false when it is gone, even when its pid has a new bearer. */
export function signalProcess(identity: Identity, name: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    return process.kill(identity.pid, name);
  } catch {
    // It ended this very moment, or changed its user; either way the next look at the table tells.
    return false;
  }
}

/** The program's own name, without its arguments: those may hold secrets. */
export function commandOf(pid: number): string {
  const first = readProc(`/proc/${pid}/cmdline`)?.toString("utf8").split("\0")[0] ?? "";
  const program = basename(first.split(" ")[0] ?? "");
  return program || (readProc(`/proc/${pid}/comm`)?.toString("utf8").trim() ?? "");
}

export function residentBytesOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readProc(`/proc/${pid}/status`)?.toString("latin1") ?? "")?.[1];
  return Number(kilobytes ?? 0) * 1024;
}
