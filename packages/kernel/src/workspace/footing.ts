/** How a thing is held while a path is walked: by an open descriptor where the system lets us work through it, by its name elsewhere. */
import { constants, type Stats } from "node:fs";
import { lstat, open, readlink, realpath } from "node:fs/promises";

/** A file, directory or link that was found under a name and is held on to. */
export interface Held extends AsyncDisposable {
  /** A path by which the thing is reached; with descriptors it stays the same thing, whatever happens to its name. */
  readonly place: string;
  readonly stats: Stats;
}

export interface Footing {
  /** Holds what the last name of a path is, a link too; opens nothing that could block or act. */
  hold(path: string): Promise<Held>;
  /** Where a held thing is now. */
  where(held: Held): Promise<string>;
  /** How the place of a held file is opened for reading. */
  readonly readFlags: number;
}

/** Linux has it, Node does not name it: the descriptor stands for the place and opens nothing. */
const placeOnly = 0o10000000;

const neverBlocks = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Race-free: every step starts from what the last step holds, never from a name that another may have changed since. */
export const byDescriptor: Footing = {
  async hold(path) {
    const handle = await open(path, placeOnly | constants.O_NOFOLLOW);
    try {
      const stats = await handle.stat();
      const close = () => handle.close();
      return { place: `/proc/self/fd/${handle.fd}`, stats, [Symbol.asyncDispose]: close };
    } catch (error) {
      await handle.close();
      throw error;
    }
  },
  where: (held) => readlink(held.place),
  readFlags: neverBlocks,
};

/** As careful as names allow: what is opened is checked by its real path, and a race of a few microseconds remains. */
export const byName: Footing = {
  async hold(path) {
    return { place: path, stats: await lstat(path), [Symbol.asyncDispose]: async () => undefined };
  },
  where: (held) => realpath(held.place),
  readFlags: neverBlocks | constants.O_NOFOLLOW,
};

/** Descriptors where /proc/self/fd is to be had, which is Linux. */
export async function footingFor(directory: string): Promise<Footing> {
  if (process.platform !== "linux") return byName;
  await using held = await byDescriptor.hold(directory);
  try {
    return (await byDescriptor.where(held)) === directory ? byDescriptor : byName;
  } catch {
    // No /proc is mounted here.
    return byName;
  }
}
