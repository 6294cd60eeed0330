/** Copies a directory in which somebody goes on living: what vanishes while it is copied was not meant to stay. */
import { chmod, copyFile, lstat, mkdir, readdir, readlink, symlink } from "node:fs/promises";
import { join } from "node:path";

/** The folder that is written to has just been made, so what is missing is what was to be read. */
async function unlessGone<Value>(look: Promise<Value>): Promise<Value | undefined> {
  try {
    return await look;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  const { mode } = await lstat(from);
  const names = await readdir(from);
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const name of names) await unlessGone(copyEntry(join(from, name), join(to, name)));
  // Last: nobody but root could fill a folder that is read-only.
  await chmod(to, mode & 0o777);
}

/** Sockets and pipes are no memory, and belong to a process. */
async function copyEntry(from: string, to: string): Promise<void> {
  const found = await lstat(from);
  if (found.isDirectory()) await copyFolder(from, to);
  if (found.isFile()) await copyFile(from, to);
  if (found.isSymbolicLink()) await symlink(await readlink(from), to);
}

/** The directory itself has to be there. */
export const copyTree: (from: string, to: string) => Promise<void> = copyFolder;
