/** Writes files that may hold a key: their owner's alone from their first byte on, under any umask, never half, and gone with their harness. */
import { existsSync } from "node:fs";
import { appendFile, chmod, lstat, mkdir, open, readFile, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";

export interface PrivateFiles {
  /** The directory that they stay in. */
  readonly dir: string;
  /** So many bytes of chance, for the name under which a file is written before it takes its place. */
  readonly chance: (bytes: number) => Uint8Array;
}

export type WritePrivate = (path: string, text: string) => Promise<string>;

/** The list of what was written, one path a line, so that it can be removed again. */
const listName = ".private-files";

function inside(dir: string, path: string): string {
  const whole = resolve(dir, path);
  const from = relative(dir, whole);
  if (from === "" || from === ".." || from.startsWith(`..${sep}`) || isAbsolute(from) || from.includes("\n")) {
    throw new Error(`${JSON.stringify(path)} is not inside ${dir}`);
  }
  return whole;
}

/** Every directory on the way is its owner's alone; one that turns out to be a link to elsewhere is refused. */
async function makeWay(dir: string, folder: string): Promise<void> {
  let at = dir;
  for (const name of relative(dir, folder).split(sep).filter(Boolean)) {
    at = join(at, name);
    await mkdir(at, { recursive: true, mode: 0o700 });
    inside(dir, await realpath(at));
    await chmod(at, 0o700);
  }
}

/** A umask only takes rights away, and may have taken the owner's. */
async function makeFile(path: string, text: string): Promise<void> {
  const opened = await open(path, "wx", 0o600);
  try {
    await opened.chmod(0o600);
    await opened.writeFile(text);
  } finally {
    await opened.close();
  }
}

/** Answers with the file's absolute path. A harness may hold the old file open: the new one takes its name at once. */
export const writePrivateIn =
  ({ dir, chance }: PrivateFiles): WritePrivate =>
  async (path, text) => {
    const home = await realpath(dir);
    const file = inside(home, relative(dir, resolve(dir, path)));
    await makeWay(home, dirname(file));
    // Listed before it is there: one that is listed and was never written does no harm.
    await appendFile(join(home, listName), `${relative(home, file)}\n`, { mode: 0o600 });
    const draft = join(dirname(file), `.${basename(file)}.${Buffer.from(chance(6)).toString("hex")}`);
    try {
      await makeFile(draft, text);
      await rename(draft, file);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    return file;
  };

async function listed(home: string): Promise<readonly string[]> {
  try {
    return (await readFile(join(home, listName), "utf8")).split("\n").filter(Boolean);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Whether it is still a file of the directory, links followed: a harness may have changed the list and the way. */
async function isStillOurs(home: string, path: string): Promise<boolean> {
  try {
    const found = join(await realpath(dirname(join(home, path))), basename(path));
    inside(home, found);
    return (await lstat(found)).isFile();
  } catch {
    // Not there any more, or led elsewhere: not ours to remove.
    return false;
  }
}

/** Removes all that was written; the next launch writes what it needs. */
export async function removePrivate(dir: string): Promise<void> {
  if (!existsSync(dir)) return;
  const home = await realpath(dir);
  for (const path of await listed(home)) {
    if (await isStillOurs(home, path)) await rm(join(home, path), { force: true });
  }
  await rm(join(home, listName), { force: true });
}
