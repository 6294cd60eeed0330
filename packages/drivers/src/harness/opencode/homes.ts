/** Where shared OpenCode servers keep their conversations: one home for each configuration, gone with the last session that has one there. */
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { link, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";

export interface Home {
  readonly id: string;
  readonly dir: string;
  /** The session has a conversation of this name here. */
  note(native: string): Promise<void>;
  /** The names of conversations whose session is no more. */
  forgotten(): Promise<readonly string[]>;
  forget(native: string): Promise<void>;
}

const hasCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code;

async function readOr(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trim() || undefined;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function listOf(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

/** Chance that stays, so that what is made of a key with it says nothing of the key. */
async function saltIn(dir: string, chance: (bytes: number) => Uint8Array): Promise<string> {
  const file = join(dir, "salt");
  const known = await readOr(file);
  if (known !== undefined) return known;
  const [salt, draft] = [32, 6].map((bytes) => Buffer.from(chance(bytes)).toString("hex"));
  const path = join(dir, `.salt.${draft}`);
  await writeFile(path, salt ?? "", { mode: 0o600, flag: "wx" });
  try {
    // Whoever is first decides for all.
    await link(path, file);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  } finally {
    await rm(path, { force: true });
  }
  return readFile(file, "utf8");
}

/** A name for a configuration: the same for the same, in every life of a daemon. */
export async function digestOf(
  dir: string,
  configuration: unknown,
  chance: (bytes: number) => Uint8Array,
): Promise<string> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const salt = await saltIn(dir, chance);
  return createHmac("sha256", salt).update(JSON.stringify(configuration)).digest("hex").slice(0, 32);
}

const homesIn = (dir: string): string => join(dir, "homes");
const usersOf = (dir: string): string => join(dir, "users");

/** Links that lead nowhere any more: what they led to was a session's own directory. */
async function dangling(dir: string): Promise<readonly string[]> {
  return (await listOf(usersOf(dir))).filter((name) => !existsSync(join(usersOf(dir), name)));
}

async function makeLink(dir: string, name: string, stateDir: string): Promise<void> {
  const path = join(usersOf(dir), name);
  await mkdir(usersOf(dir), { recursive: true, mode: 0o700 });
  await rm(path, { force: true });
  await symlink(relative(usersOf(dir), stateDir), path);
}

export interface HomeNeed {
  /** What all OpenCode servers share. */
  readonly dir: string;
  /** The session's own directory; it remembers where its conversation is, also when its key is another by now. */
  readonly stateDir: string;
  /** Where the conversation begins, if it has not begun elsewhere. */
  readonly digest: string;
}

export async function homeOf({ dir, stateDir, digest }: HomeNeed): Promise<Home> {
  const memo = join(stateDir, "shared-home");
  const kept = await readOr(memo);
  const id = kept && /^[0-9a-f]{32}$/.test(kept) ? kept : digest;
  const own = join(homesIn(dir), id);
  await writeFile(memo, id, { mode: 0o600 });
  // Before anything else: from now on the home is in use.
  await makeLink(own, basename(stateDir), stateDir);
  return {
    id,
    dir: own,
    note: (native) => makeLink(own, native, stateDir),
    forgotten: () => dangling(own),
    forget: (native) => rm(join(usersOf(own), native), { force: true }),
  };
}

/** Removes a home that no session has anything in any more. */
export async function tidyHome(dir: string): Promise<void> {
  const [users, lost] = [await listOf(usersOf(dir)), await dangling(dir)];
  if (users.length === lost.length) await rm(dir, { recursive: true, force: true, maxRetries: 3 });
}

/** The same for all of them, when no server runs that could be using one. */
export async function tidyHomes(dir: string): Promise<void> {
  for (const id of await listOf(homesIn(dir))) await tidyHome(join(homesIn(dir), id));
}
