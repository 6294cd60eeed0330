/** Writes files that may hold a key: readable by their owner alone from their first byte on, under any umask, and never half. */
import { chmod, mkdir, open, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";

export interface PrivateFiles {
  /** The directory that they stay in. */
  readonly dir: string;
  /** So many bytes of chance, for the name under which a file is written before it takes its place. */
  readonly chance: (bytes: number) => Uint8Array;
}

export type WritePrivate = (path: string, text: string) => Promise<string>;

function inside(dir: string, path: string): string {
  const whole = resolve(dir, path);
  const from = relative(dir, whole);
  if (from === "" || from === ".." || from.startsWith(`..${sep}`) || isAbsolute(from)) {
    throw new Error(`${path} is not inside ${dir}`);
  }
  return whole;
}

/** Every directory on the way is its owner's alone; one that turns out to be a link to elsewhere is refused. */
async function makeWay(dir: string, folder: string): Promise<void> {
  let at = dir;
  for (const name of relative(dir, folder).split(sep).filter(Boolean)) {
    at = join(at, name);
    await mkdir(at, { recursive: true, mode: 0o700 });
    inside(dir, join(await realpath(at), "file"));
    await chmod(at, 0o700);
  }
}

/** Answers with the file's absolute path. A harness may hold the old file open: the new one takes its name at once. */
export const writePrivateIn =
  ({ dir, chance }: PrivateFiles): WritePrivate =>
  async (path, text) => {
    const home = await realpath(dir);
    const file = inside(home, relative(dir, resolve(dir, path)));
    await makeWay(home, dirname(file));
    const draft = join(dirname(file), `.${basename(file)}.${Buffer.from(chance(6)).toString("hex")}`);
    const opened = await open(draft, "wx", 0o600);
    try {
      // A umask only takes rights away, and may have taken the owner's.
      await opened.chmod(0o600);
      await opened.writeFile(text);
      await opened.close();
      await rename(draft, file);
    } catch (error) {
      await opened.close();
      await rm(draft, { force: true });
      throw error;
    }
    return file;
  };
