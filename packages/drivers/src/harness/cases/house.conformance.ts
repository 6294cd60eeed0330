/** A kernel as a daemon has it, over a directory of the test's own, with one harness from the cache of installed ones. */
import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import {
  createInstaller,
  createKernel,
  createProcesses,
  type Harness,
  type Installer,
  type Kernel,
  type Limits,
  ownerOf,
  type Processes,
  systemClock,
} from "@corral/kernel";
import { openSqliteStore } from "../../store/sqlite.ts";

export const hostEnv: Readonly<Record<string, string>> = { PATH: process.env.PATH ?? "", LANG: "C.UTF-8" };

/** Installed once and kept: the agents are some hundred megabytes each. */
export const agentsDir: string = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "corral-tests");

export const openInstaller = (processes: Processes): Installer =>
  createInstaller({ programsDir: agentsDir, clock: systemClock, processes, hostEnv: process.env });

export interface House {
  readonly kernel: Kernel;
  readonly processes: Processes;
  readonly surprises: readonly string[];
  close(): Promise<void>;
}

export interface HouseNeed {
  readonly root: string;
  readonly harness: Harness;
  readonly limits?: Partial<Limits>;
}

export const stateDirOf = (root: string): string => join(root, "state");
export const workspaceOf = (root: string): string => join(root, "workspace");

export async function openHouse({ root, harness, limits = {} }: HouseNeed): Promise<House> {
  const stateDir = stateDirOf(root);
  const surprises: string[] = [];
  await mkdir(workspaceOf(root), { recursive: true });
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await using opened = new AsyncDisposableStack();
  const clock = systemClock;
  const store = opened.use(await openSqliteStore({ dir: stateDir, clock }));
  const processes = opened.use(createProcesses({ clock, stateDir, owner: ownerOf(stateDir), hostEnv }));
  const kernel = opened.use(
    await createKernel({
      store,
      processes,
      clock,
      stateDir,
      hostEnv,
      limits,
      harnesses: [harness],
      installer: openInstaller(processes),
      defaultCwd: workspaceOf(root),
      surprise: (error, where) => surprises.push(`${where}: ${error instanceof Error ? error.stack : String(error)}`),
    }),
  );
  const owned = opened.move();
  return { kernel, processes, surprises, close: () => owned.disposeAsync() };
}
