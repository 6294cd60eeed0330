/** Control groups where they are to be had, and silence where they are not. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLeaves, ownershipMeans } from "./cgroup.ts";
import { firstLine, newRun, openStage, until, watchPid } from "./process.fixture.ts";
import { ownerOf } from "./processes.ts";

test("a machine without a unified tree falls back to marks without a word", () => {
  const root = mkdtempSync(join(tmpdir(), "corral-"));
  expect(openLeaves({ owner: "us", roots: [root] })).toBeUndefined();
  rmSync(root, { recursive: true });
});

test("doctor can ask by what means leftovers are found", () => {
  expect(ownershipMeans()).toBe(openLeaves({ owner: "us" }) ? "cgroup" : "marks");
});

const without = openLeaves({ owner: "probe" }) === undefined;
const why = "this machine lets us make no control group";

test("a group lists the members of its run and goes when they have gone", async (context) => {
  context.skip(without, why);
  const run = newRun();
  const leaves = openLeaves({ owner: `test-${process.pid}` })!;
  const child = spawn("/bin/sleep", ["1000"], { env: {} });
  await leaves.enter(run, child.pid!);
  expect(leaves.members()).toEqual([[run, child.pid]]);
  leaves.remove(run);
  expect(leaves.members()).toHaveLength(1);
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
  leaves.remove(run);
  expect([leaves.members(), leaves.runs()]).toEqual([[], []]);
});

/** What the table tells of a process: who its parent is, which session it is in, and what is in its environment. */
function tellsOf(pid: number) {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  return { parent: Number(stat[1]), session: Number(stat[3]), environ: readFileSync(`/proc/${pid}/environ`, "latin1") };
}

test("a program without marks, in a session of its own and with parents that nobody saw, is swept with its run", async (context) => {
  context.skip(without, why);
  const stage = openStage();
  try {
    const hide = 'setsid env -i /bin/sh -c "sleep 1000 </dev/null >/dev/null 2>&1 & echo \\$!"';
    const child = await stage.processes.spawn(stage.script(`read go; ${hide}; cat`));
    const leaves = openLeaves({ owner: ownerOf(stage.stateDir) })!;
    await until(() => leaves.members().some(([, pid]) => pid === child.pid));
    child.stdin.write("go\n");
    const pid = Number(await firstLine(child.stdout));
    const alive = watchPid(pid);
    await until(() => !tellsOf(pid).environ.includes("CORRAL"));
    const { parent, session } = tellsOf(pid);
    expect([parent, session]).not.toContain(child.pid);
    await until(() => tellsOf(pid).parent !== session);
    expect(leaves.runs()).toEqual([child.run]);
    await child.close();
    expect([alive(), leaves.runs()]).toEqual([false, []]);
  } finally {
    await stage.end();
  }
});
