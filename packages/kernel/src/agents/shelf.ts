/** The folders of installed harnesses: each version in one of its own that is whole or not there, and the one that was chosen. */
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { binsOf, isExactVersion, type Plan, type Platform } from "./install-plan.ts";

const recordSchema = z.object({
  agent: z.string(),
  packages: z.record(z.string(), z.string()),
  platform: z.string(),
  installedAt: z.string(),
  /** The size of each program: one that was cut short is not taken for installed. */
  bytes: z.record(z.string(), z.number()),
});
export type InstallRecord = z.infer<typeof recordSchema>;

const recordFile = "corral.json";
const chosenFile = "chosen";
/** Folders that begin with a dot are nobody's: an installation that was not finished, or one on its way out. */
const isNobodys = (name: string): boolean => name.startsWith(".");

export interface Shelf {
  /** Where the lock of a harness is; outside its folder, which may be removed. */
  lockFile(id: string): string;
  dirOf(plan: Plan): string;
  /** Whether a version is there and whole. */
  has(plan: Plan): Promise<boolean>;
  /** The version that a person chose instead of the pinned one. */
  chosen(id: string): Promise<string | undefined>;
  choose(id: string, version: string | undefined): Promise<void>;
  /** An empty folder beside the versions. Under the lock only, as all below: what others left is removed. */
  stage(plan: Plan, name: string): Promise<string>;
  /** The staged folder takes its place at once; what was there goes. */
  place(plan: Plan, staged: string, record: InstallRecord): Promise<void>;
  /** Removes every version. */
  remove(id: string): Promise<void>;
  sweep(id: string): Promise<void>;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

function readRecord(text: string): InstallRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    // Whatever wrote it, it was not this: as good as absent, and the next installation replaces it.
    return undefined;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    // Not there, or not to be reached: not installed either way.
    return undefined;
  }
}

export function createShelf(programsDir: string, platform: Platform): Shelf {
  const all = join(programsDir, "agents");
  const folder = (id: string) => join(all, id);
  const dirOf = (plan: Plan) => join(folder(plan.id), plan.folder);

  const isWhole = async (plan: Plan, dir: string): Promise<boolean> => {
    const text = await readIfThere(join(dir, recordFile));
    const record = text === undefined ? undefined : readRecord(text);
    if (!record || record.platform !== platform.name) return false;
    const bins = binsOf(plan, platform);
    const sizes = await Promise.all(bins.map(({ path }) => sizeOf(join(dir, "node_modules", path))));
    return bins.every(({ bin }, at) => sizes[at] !== undefined && sizes[at] === record.bytes[bin]);
  };
  const sweep = async (id: string): Promise<void> => {
    await mkdir(folder(id), { recursive: true, mode: 0o700 });
    // Nobody else may put programs here that we would run.
    for (const dir of [all, folder(id)]) await chmod(dir, 0o700);
    for (const name of (await readdir(folder(id))).filter(isNobodys)) {
      // Patiently: the npm of a daemon that was killed may still be at work there.
      await rm(join(folder(id), name), { recursive: true, force: true, maxRetries: 8, retryDelay: 100 });
    }
  };
  return {
    lockFile: (id) => join(all, ".locks", `${id}.db`),
    dirOf,
    sweep,
    has: (plan) => isWhole(plan, dirOf(plan)),
    async chosen(id) {
      const version = (await readIfThere(join(folder(id), chosenFile)))?.trim();
      return version !== undefined && isExactVersion(version) ? version : undefined;
    },
    async choose(id, version) {
      const path = join(folder(id), chosenFile);
      if (version === undefined) return rm(path, { force: true });
      await writeFile(join(folder(id), ".chosen"), `${version}\n`, { mode: 0o600 });
      await rename(join(folder(id), ".chosen"), path);
    },
    async stage(plan, name) {
      const dir = join(folder(plan.id), `.stage-${name}`);
      await mkdir(dir, { mode: 0o700 });
      return dir;
    },
    async place(plan, staged, record) {
      await writeFile(join(staged, recordFile), `${JSON.stringify(record, undefined, 2)}\n`);
      const former = join(folder(plan.id), `.former-${plan.folder}`);
      if ((await sizeOf(dirOf(plan))) !== undefined) await rename(dirOf(plan), former);
      await rename(staged, dirOf(plan));
      await rm(former, { recursive: true, force: true });
    },
    remove: (id) => rm(folder(id), { recursive: true, force: true }),
  };
}
