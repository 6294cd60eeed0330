/** The folder of each run: its temporary files, and what its programs said on stderr. */
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isId, type RunId } from "@corral/protocol";

/** How many folders of runs that ended badly are kept for the reader. */
export const keptFolders = 20;

export interface RunFolders {
  stderrFile(run: RunId): string;
  makeTemp(run: RunId): Promise<string>;
  /** The temporary directories of the run that are on the disk. */
  temps(run: RunId): readonly string[];
  /** Removes the temporary files; the whole folder, too, unless stderr is to be kept. */
  clear(run: RunId, options: { readonly keepStderr: boolean }): Promise<void>;
  /** Every run that has a folder. */
  runs(): Promise<readonly RunId[]>;
  /** Removes the oldest kept folders beyond the bound. */
  prune(isOurs: (run: RunId) => boolean): Promise<void>;
}

/** Opens every folder below: some programs leave read-only folders, which not even their owner can empty. */
async function openUp(path: string): Promise<void> {
  await chmod(path, 0o700);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await openUp(join(path, entry.name));
  }
}

async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    // What closed it is most often a read-only folder; whatever else it is, the second attempt tells.
    await openUp(path);
    await rm(path, { recursive: true, force: true });
  }
}

async function changedMs(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    // Another sweep has just removed it: as old as can be, and removing it again does no harm.
    return 0;
  }
}

export function createRunFolders(stateDir: string): RunFolders {
  const all = join(stateDir, "runs");
  const folder = (run: RunId) => join(all, run);
  const temp = (run: RunId) => join(folder(run), "tmp");
  const stderrFile = (run: RunId) => join(folder(run), "stderr.log");
  const runs = async (): Promise<readonly RunId[]> => {
    if (!existsSync(all)) return [];
    return (await readdir(all)).filter((name): name is RunId => isId("run", name));
  };
  return {
    stderrFile,
    runs,
    async makeTemp(run) {
      await mkdir(temp(run), { recursive: true, mode: 0o700 });
      return temp(run);
    },
    temps: (run) => (existsSync(temp(run)) ? [temp(run)] : []),
    async clear(run, { keepStderr }) {
      await removeTree(temp(run));
      if (!keepStderr) await rm(stderrFile(run), { force: true });
      if (existsSync(folder(run)) && (await readdir(folder(run))).length === 0) await rmdir(folder(run));
    },
    async prune(isOurs) {
      const idle = (await runs()).filter((run) => !isOurs(run));
      if (idle.length <= keptFolders) return;
      const aged = await Promise.all(idle.map(async (run) => ({ run, changedMs: await changedMs(folder(run)) })));
      aged.sort((a, b) => b.changedMs - a.changedMs);
      for (const { run } of aged.slice(keptFolders)) await removeTree(folder(run));
    },
  };
}
