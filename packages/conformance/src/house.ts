/** A kernel as a daemon has it, over a directory of the test's own, with one harness from the cache of installed ones. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openSqliteStore } from "@corral/drivers";
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

/** What a harness is played in: where its programs are, and what of the environment it may see. */
export interface Surroundings {
  /** Where harnesses are installed. */
  readonly programsDir: string;
  /** The variables that every child may have. */
  readonly hostEnv: Readonly<Record<string, string>>;
  /** Those that an installer may read. */
  readonly installEnv: Readonly<Record<string, string | undefined>>;
}

export const openInstaller = (processes: Processes, { programsDir, installEnv }: Surroundings): Installer =>
  createInstaller({ programsDir, clock: systemClock, processes, hostEnv: installEnv });

export interface House {
  readonly kernel: Kernel;
  readonly processes: Processes;
  readonly surprises: readonly string[];
  close(): Promise<void>;
}

export interface HouseNeed {
  readonly root: string;
  readonly harness: Harness;
  readonly surroundings: Surroundings;
  readonly limits?: Partial<Limits>;
}

const stateDirOf = (root: string): string => join(root, "state");
export const workspaceOf = (root: string): string => join(root, "workspace");

export async function openHouse({ root, harness, surroundings, limits = {} }: HouseNeed): Promise<House> {
  const stateDir = stateDirOf(root);
  const { hostEnv } = surroundings;
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
      installer: openInstaller(processes, surroundings),
      defaultCwd: workspaceOf(root),
      surprise: (error, where) => surprises.push(`${where}: ${error instanceof Error ? error.stack : String(error)}`),
    }),
  );
  const owned = opened.move();
  return { kernel, processes, surprises, close: () => owned.disposeAsync() };
}
