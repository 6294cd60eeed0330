/** Where the machine lets us, a control group per run: the kernel's own list of who belongs to it. */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
} from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isId, type RunId } from "@corral/protocol";

export interface Leaves {
  /** Moves a process, and all that it will start, into the group of its run; resolves when it is there, or cannot be. */
  enter(run: RunId, pid: number): Promise<void>;
  /** The runs that have a group, former lives included. */
  runs(): readonly RunId[];
  /** Every process of every run, former lives included. */
  members(): readonly (readonly [RunId, number])[];
  remove(run: RunId): void;
}

/** Where the unified (version 2) tree is mounted: alone, or beside the trees of version 1. */
const usualRoots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/** Rights do not tell all of it, so one is made to see. */
function holdsLeaves(group: string): boolean {
  for (const path of [group, join(group, "cgroup.procs")]) accessSync(path, constants.W_OK);
  rmdirSync(mkdtempSync(join(group, "corral-probe-")));
  return true;
}

/** Our own group in a unified tree, if we may make groups in it. */
function groupBelow(root: string): string | undefined {
  try {
    if (!existsSync(join(root, "cgroup.controllers"))) return undefined;
    const own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
    if (own === undefined) return undefined;
    const group = join(root, own);
    return holdsLeaves(group) ? group : undefined;
  } catch {
    // Not Linux, a read-only tree, or a group that was not delegated to us: marks do without.
    return undefined;
  }
}

function firstGroup(roots: readonly string[]): string | undefined {
  for (const root of roots) {
    const group = groupBelow(root);
    if (group !== undefined) return group;
  }
  return undefined;
}

/** By what means leftovers are found: `doctor` says so. */
export const ownershipMeans = (): "cgroup" | "marks" => (firstGroup(usualRoots) ? "cgroup" : "marks");

export interface LeavesNeed {
  readonly owner: string;
  readonly roots?: readonly string[];
}

/** Answers undefined where there is nothing to gain; every failure later on leaves the work to the marks. */
export function openLeaves({ owner, roots = usualRoots }: LeavesNeed): Leaves | undefined {
  const group = firstGroup(roots);
  return group === undefined ? undefined : leavesIn(join(group, `corral-${owner}`));
}

function attempt<Answer>(act: () => Answer): Answer | undefined {
  try {
    return act();
  } catch {
    // The group vanished, the process ended first, or a member is still dying: the marks find what is left.
    return undefined;
  }
}

/** Groups that a program of the run has made within its own; a directory's links tell cheaply whether there are any. */
function groupsIn(group: string): readonly string[] {
  if (statSync(group).nlink <= 2) return [];
  const entries = readdirSync(group, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(group, name));
}

function pidsIn(group: string): readonly number[] {
  const own = attempt(() => readFileSync(join(group, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number));
  return [...(own ?? []), ...(attempt(() => groupsIn(group)) ?? []).flatMap(pidsIn)];
}

function removeGroup(group: string): void {
  for (const inner of attempt(() => groupsIn(group)) ?? []) removeGroup(inner);
  attempt(() => rmdirSync(group));
}

function leavesIn(base: string): Leaves {
  const runs = (): readonly RunId[] =>
    (attempt(() => readdirSync(base)) ?? []).filter((name): name is RunId => isId("run", name));
  return {
    async enter(run, pid) {
      if (attempt(() => mkdirSync(join(base, run), { recursive: true }) ?? true) === undefined) return;
      try {
        // The system lets everybody go on before it moves somebody, which may take some milliseconds: not ours to wait in.
        await writeFile(join(base, run, "cgroup.procs"), String(pid), { flag: "r+" });
      } catch {
        // It has ended already, or may not be moved: the marks find what it leaves.
      }
    },
    runs,
    members: () => runs().flatMap((run) => pidsIn(join(base, run)).map((pid) => [run, pid] as const)),
    remove(run) {
      removeGroup(join(base, run));
      // Fails, rightly, while another run has its group.
      attempt(() => rmdirSync(base));
    },
  };
}
