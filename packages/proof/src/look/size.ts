/** How large things are, seen from outside: the memory of a process, and the files below a directory. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Nothing when the process has gone. */
export function residentBytes(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    // It ended before we looked.
    return 0;
  }
}

export interface FileSize {
  /** Relative to the directory. */
  readonly path: string;
  readonly bytes: number;
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    // Removed while we looked.
    return 0;
  }
}

export const filesBelow = (folder: string): readonly FileSize[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: path.slice(folder.length + 1), bytes: sizeOf(path) }));
