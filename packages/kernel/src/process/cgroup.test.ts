/** Control groups where they are to be had, and silence where they are not. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLeaves, ownershipMeans } from "./cgroup.ts";
import { newRun } from "./process.fixture.ts";

test("a machine without a unified tree falls back to marks without a word", () => {
  const root = mkdtempSync(join(tmpdir(), "corral-"));
  expect(openLeaves({ owner: "us", root })).toBeUndefined();
  rmSync(root, { recursive: true });
});

test("doctor can ask by what means leftovers are found", () => {
  expect(ownershipMeans()).toBe(openLeaves({ owner: "us" }) ? "cgroup" : "marks");
});

const trees = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
const root = trees.find((tree) => existsSync(tree) && openLeaves({ owner: "probe", root: tree }));

test.skipIf(root === undefined)("a group lists the members of its run and goes when they have gone", async () => {
  const run = newRun();
  const leaves = openLeaves({ owner: `test-${process.pid}`, root: root ?? "" })!;
  const child = spawn("/bin/sleep", ["1000"], { env: {} });
  leaves.enter(run, child.pid!);
  expect(leaves.members()).toEqual([[run, child.pid]]);
  leaves.remove(run);
  expect(leaves.members()).toHaveLength(1);
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
  leaves.remove(run);
  expect(leaves.members()).toEqual([]);
});
