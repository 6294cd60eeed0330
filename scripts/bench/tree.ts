/** What a tree of processes holds together. Only Linux tells it. */
import { readdir, readFile } from "node:fs/promises";
import { memoryOf } from "./child.ts";

/** Each process with its parent; those that end while they are looked at are left out. */
async function parents(): Promise<readonly (readonly [number, number])[]> {
  const pids = (await readdir("/proc")).map(Number).filter(Number.isInteger);
  const read = async (pid: number): Promise<readonly (readonly [number, number])[]> => {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8");
      // The name in brackets may have anything in it; the parent is the second word after it.
      return [[pid, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])]];
    } catch {
      return [];
    }
  };
  return (await Promise.all(pids.map(read))).flat();
}

function below(pid: number, all: readonly (readonly [number, number])[]): readonly number[] {
  const children = all.flatMap(([child, parent]) => (parent === pid ? [child] : []));
  return children.flatMap((child) => [child, ...below(child, all)]);
}

/** The share (PSS) of all that a process has started, without its own. */
export async function shareBelowMb(pid: number): Promise<number> {
  const shares = await Promise.all(below(pid, await parents()).map(async (one) => (await memoryOf(one)).pssMb));
  return shares.reduce((sum, share) => sum + share, 0);
}
