/** The empty directories that the sandbox of Codex makes in a workspace to protect them, and leaves there when it is killed. */
import { access, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const names = [".agents", ".aws", ".codex", ".git"];

export interface MountPoints {
  /** Removes those that were not there before Codex was, as far as nobody has put anything into them. */
  tidy(): Promise<void>;
}

export interface MountPointsNeed {
  readonly cwd: string;
  /** Remembers over restarts which ones were there before: what a killed daemon left is removed by the next. */
  readonly stateDir: string;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false; // What cannot be seen cannot have been made by us.
  }
}

async function absentAtFirst({ cwd, stateDir }: MountPointsNeed): Promise<readonly string[]> {
  const file = join(stateDir, "mount-points.json");
  if (await exists(file)) return z.array(z.enum(names)).parse(JSON.parse(await readFile(file, "utf8")));
  const seen = await Promise.all(names.map(async (name) => ((await exists(join(cwd, name))) ? [] : [name])));
  await writeFile(file, JSON.stringify(seen.flat()));
  return seen.flat();
}

export async function openMountPoints(need: MountPointsNeed): Promise<MountPoints> {
  const ours = await absentAtFirst(need);
  const mountPoints: MountPoints = {
    async tidy() {
      for (const name of ours) {
        try {
          await rmdir(join(need.cwd, name));
        } catch {
          // Not there, or no longer empty and so somebody's.
        }
      }
    },
  };
  await mountPoints.tidy();
  return mountPoints;
}
