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
import { open } from "node:fs/promises";
import { join } from "node:path";
import { isId, type RunId } from "@corral/protocol";
import type { OwnedChild } from "./ownership.ts";

export interface Leaves {
  /** Moves a child, and all that it will start, into the group of its run; resolves when it is there, or cannot be. */
  enter(run: RunId, child: OwnedChild): Promise<void>;
  /** The runs that have a group, former lives included. */
  runs(): readonly RunId[];
  /** Every process of every run, former lives included. */
  members(): readonly (readonly [RunId, number])[];
  /** Answers whether it went. What did not, because a member is still dying, is tried again at each later removal. */
  remove(run: RunId): boolean;
  /** Tries once more to remove what did not go; answers whether all of it went. */
  removeRest(): boolean;
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
  // It becomes the name of a directory: a path would make one elsewhere, which nobody removes.
  if (!/^[\w-]+$/.test(owner)) throw new Error(`${owner} is not a name for an owner: letters, digits, - and _ only`);
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

/** Answers whether it is gone, whoever removed it. */
function removeGroup(group: string): boolean {
  for (const inner of attempt(() => groupsIn(group)) ?? []) removeGroup(inner);
  attempt(() => rmdirSync(group));
  return !existsSync(group);
}

/**
 * The system lets everybody go on before it moves somebody, which may take some milliseconds: not ours to wait in, and so
 * it is a thread that waits. By the time it may write, the child may have gone and its pid be a stranger's.
 */
async function move(group: string, child: OwnedChild): Promise<void> {
  if (child.reaped()) return;
  try {
    await using members = await open(join(group, "cgroup.procs"), "r+");
    if (!child.reaped()) await members.write(String(child.pid));
  } catch {
    // It has ended already, its group was removed, or it may not be moved: the marks find what it leaves.
  }
}

/** The groups that would not go, and what is tried again. */
function createRemoval(base: string) {
  const rest = new Set<RunId>();
  const removeRest = (): boolean => {
    for (const run of rest) if (removeGroup(join(base, run))) rest.delete(run);
    // Fails, rightly, while another run has its group.
    attempt(() => rmdirSync(base));
    return rest.size === 0;
  };
  return {
    removeRest,
    remove(run: RunId): boolean {
      rest.add(run);
      removeRest();
      return !rest.has(run);
    },
    /** The run has begun again, and its group is wanted. */
    keep: (run: RunId): boolean => rest.delete(run),
  };
}

function leavesIn(base: string): Leaves {
  const { keep, remove, removeRest } = createRemoval(base);
  // One at a time, for all groups: each move occupies one of the few threads that read and write everybody's files.
  let moves: Promise<void> = Promise.resolve();
  const runs = (): readonly RunId[] =>
    (attempt(() => readdirSync(base)) ?? []).filter((name): name is RunId => isId("run", name));
  return {
    async enter(run, child) {
      const group = join(base, run);
      keep(run);
      // Made now and not in its turn, when the run may have been swept and nobody would remove it.
      if (attempt(() => mkdirSync(group, { recursive: true }) ?? true) === undefined) return;
      moves = moves.then(() => move(group, child));
      await moves;
    },
    runs,
    members: () => runs().flatMap((run) => pidsIn(join(base, run)).map((pid) => [run, pid] as const)),
    remove,
    removeRest,
  };
}
