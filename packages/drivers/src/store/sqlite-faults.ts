/** Says in Corral's faults what SQLite or the file system refused. Imports nothing at run time: the worker starts faster. */
import type { FaultCode, FaultRecord } from "@corral/protocol";

type StoreCode = Extract<FaultCode, `store.${string}`>;

const help: Partial<Record<StoreCode, string>> = {
  "store.full":
    "Free some space on this disk; appends go on as soon as there is room, and nothing acknowledged is lost.",
  "store.read_only": "Give the daemon's user the right to write the state directory, or choose another one.",
  "store.damaged":
    "Stop the daemon and copy the whole state directory away; `sqlite3 corral.db .recover` saves what can be read. A fresh state directory starts empty.",
  "store.locked": "Stop the other daemon, or choose another state directory.",
};

/** Primary result codes of SQLite; an extended code has its primary one in the low byte. */
const byPrimaryCode: Readonly<Record<number, StoreCode>> = {
  3: "store.read_only", // PERM
  5: "store.locked", // BUSY
  6: "store.locked", // LOCKED
  8: "store.read_only", // READONLY
  10: "store.read_only", // IOERR on the way to the disk
  11: "store.damaged", // CORRUPT
  13: "store.full", // FULL
  14: "store.read_only", // CANTOPEN
  26: "store.damaged", // NOTADB
};

/** The kinds of IOERR that mean something else than a disk that takes no writes. */
const byExtendedCode: Readonly<Record<number, StoreCode>> = {
  266: "store.damaged", // READ
  522: "store.damaged", // SHORT_READ
  4874: "store.full", // SHMSIZE: no room for the shared index of the write-ahead log
  8202: "store.damaged", // DATA
  8458: "store.damaged", // CORRUPTFS
};

const bySystemCode: Readonly<Record<string, StoreCode>> = {
  ENOSPC: "store.full",
  EDQUOT: "store.full",
  EROFS: "store.read_only",
  EACCES: "store.read_only",
  EPERM: "store.read_only",
  ENOTDIR: "store.read_only",
  EEXIST: "store.read_only",
  ENOENT: "store.read_only", // also what making a path of several new directories says on a read-only disk
  ELOOP: "store.read_only",
  ENAMETOOLONG: "store.read_only",
};

function storeCodeOf(error: Error): StoreCode | undefined {
  if ("errcode" in error && typeof error.errcode === "number") {
    return byExtendedCode[error.errcode] ?? byPrimaryCode[error.errcode & 0xff];
  }
  return "code" in error && typeof error.code === "string" ? bySystemCode[error.code] : undefined;
}

/** What a refusal is called, as plain fields that can be posted between threads. */
export function refusalOf(error: unknown): FaultRecord {
  if (!(error instanceof Error)) return { code: "internal", detail: String(error) };
  const code = storeCodeOf(error) ?? "internal";
  const hint = code === "internal" ? undefined : help[code];
  return { code, detail: error.message, ...(hint === undefined ? {} : { help: hint }) };
}
