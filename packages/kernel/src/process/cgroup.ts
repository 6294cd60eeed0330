/** Where the machine lets us, a control group per run: the kernel's own list of who belongs to it. */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isId, type RunId } from "@corral/protocol";

export interface Leaves {
  /** Moves a process, and all that it will start, into the group of its run. */
  enter(run: RunId, pid: number): void;
  /** Every process of every run, former lives included. */
  members(): readonly (readonly [RunId, number])[];
  remove(run: RunId): void;
}

const unified = "/sys/fs/cgroup";

/** Our own group in a unified (version 2) tree that we may write to; undefined everywhere else. */
function writableGroup(root: string): string | undefined {
  try {
    if (!existsSync(join(root, "cgroup.controllers"))) return undefined;
    const own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
    if (own === undefined) return undefined;
    const group = join(root, own);
    for (const path of [group, join(group, "cgroup.procs")]) accessSync(path, constants.W_OK);
    return group;
  } catch {
    // Not Linux, a read-only tree, or a group that was not delegated to us: marks do without.
    return undefined;
  }
}

/** By what means leftovers are found: `doctor` says so. */
export const ownershipMeans = (): "cgroup" | "marks" => (writableGroup(unified) ? "cgroup" : "marks");

/** Answers undefined where there is nothing to gain; every failure later on leaves the work to the marks. */
export function openLeaves({ owner, root = unified }: { readonly owner: string; readonly root?: string }) {
  const group = writableGroup(root);
  return group === undefined ? undefined : leavesIn(join(group, `corral-${owner}`));
}

function leavesIn(base: string): Leaves {
  const attempt = <Answer>(act: () => Answer): Answer | undefined => {
    try {
      return act();
    } catch {
      // The group vanished, the process ended first, or a member is still dying: the marks find what is left.
      return undefined;
    }
  };
  const pidsOf = (run: RunId): readonly number[] =>
    attempt(() =>
      readFileSync(join(base, run, "cgroup.procs"), "utf8")
        .split("\n")
        .filter(Boolean)
        .map(Number),
    ) ?? [];
  return {
    enter(run, pid) {
      attempt(() => {
        mkdirSync(join(base, run), { recursive: true });
        writeFileSync(join(base, run, "cgroup.procs"), String(pid));
      });
    },
    members() {
      const runs = (attempt(() => readdirSync(base)) ?? []).filter((name): name is RunId => isId("run", name));
      return runs.flatMap((run) => pidsOf(run).map((pid) => [run, pid] as const));
    },
    remove(run) {
      attempt(() => rmdirSync(join(base, run)));
      // Fails, rightly, while another run has its group.
      attempt(() => rmdirSync(base));
    },
  };
}
