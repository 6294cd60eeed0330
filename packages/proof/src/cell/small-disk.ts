/** A small disk in memory that can be filled and emptied, for showing what a full disk does. */
import { execFile } from "node:child_process";
import { appendFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const diskBytes = 8 * 1024 * 1024;

export interface SmallDisk {
  readonly folder: string;
  /** Makes room again. */
  free(): Promise<void>;
  release(): Promise<void>;
}

const ballastIn = (folder: string): string => join(folder, "ballast");

/** Why no such disk can be had here; absent when one can. */
export function reasonAgainstSmallDisk(): string | undefined {
  if (process.platform !== "linux") return "a small disk can only be made on Linux";
  return process.getuid?.() === 0 ? undefined : "only root may mount a small disk";
}

export async function takeSmallDisk(folder: string): Promise<SmallDisk> {
  await mkdir(folder, { recursive: true });
  await run("mount", ["-t", "tmpfs", "-o", `size=${diskBytes},mode=700`, "corral-proof", folder]);
  return {
    folder,
    free: () => rm(ballastIn(folder), { force: true }),
    // Lazily: a program that still looks at it must not keep it in the way.
    release: async () => void (await run("umount", ["-l", folder])),
  };
}

const isFull = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOSPC";

/** Writes until there is no room for another byte. */
export async function fillDisk({ folder }: SmallDisk): Promise<void> {
  for (let bytes = 256 * 1024; bytes >= 1; ) {
    try {
      await appendFile(ballastIn(folder), Buffer.alloc(bytes));
    } catch (error) {
      if (!isFull(error)) throw error;
      bytes = Math.floor(bytes / 16);
    }
  }
}
