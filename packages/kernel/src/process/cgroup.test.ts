/** Control groups where they are to be had, and silence where they are not. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
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

test("an owner that is a path is refused: its groups would be made where nobody removes them", () => {
  for (const owner of ["/tmp/state", "../up", ""]) expect(() => openLeaves({ owner })).toThrow(/owner/);
});

const without = openLeaves({ owner: "probe" }) === undefined;
const why = "this machine lets us make no control group";

const sleeping = new Set<ChildProcess>();
afterEach(async () => {
  await Promise.all([...sleeping].map(end));
  for (const run of mine()?.runs() ?? []) mine()?.remove(run);
});

const mine = () => openLeaves({ owner: `test-${process.pid}` });

/** A program that waits, as its owner knows it. */
function sleeper() {
  const program = spawn("/bin/sleep", ["1000"], { env: {} });
  sleeping.add(program);
  return {
    program,
    child: { pid: program.pid!, reaped: () => program.exitCode !== null || program.signalCode !== null },
  };
}

async function end(program: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => program.once("exit", resolve));
  sleeping.delete(program);
  program.kill("SIGKILL");
  await gone;
}

test("a group lists the members of its run and goes when they have gone", async (context) => {
  context.skip(without, why);
  const run = newRun();
  const leaves = mine()!;
  const { program, child } = sleeper();
  await leaves.enter(run, child);
  expect(leaves.members()).toEqual([[run, child.pid]]);
  expect(leaves.remove(run)).toBe(false);
  expect(leaves.members()).toHaveLength(1);
  await end(program);
  expect(leaves.remove(run)).toBe(true);
  expect([leaves.members(), leaves.runs()]).toEqual([[], []]);
});

test("a group that would not go is tried again when another goes, and at the end", async (context) => {
  context.skip(without, why);
  const leaves = mine()!;
  for (const again of [() => leaves.remove(newRun()), () => leaves.removeRest()]) {
    const run = newRun();
    const { program, child } = sleeper();
    await leaves.enter(run, child);
    expect([leaves.remove(run), leaves.removeRest(), leaves.runs()]).toEqual([false, false, [run]]);
    await end(program);
    expect([again(), leaves.runs()]).toEqual([true, []]);
  }
});

test("a pid whose child was reaped while it waited for its turn is a stranger's, and is left where it is", async (context) => {
  context.skip(without, why);
  const leaves = mine()!;
  const [first, second] = [sleeper(), sleeper()];
  const [run, other] = [newRun(), newRun()];
  let reaped = false;
  const entered = [leaves.enter(run, first.child), leaves.enter(other, { ...second.child, reaped: () => reaped })];
  reaped = true;
  await Promise.all(entered);
  expect(leaves.members()).toEqual([[run, first.child.pid]]);
  await Promise.all([end(first.program), end(second.program)]);
  expect([leaves.remove(run), leaves.remove(other)]).toEqual([true, true]);
});

test("many children that start at once leave the threads to those who read and write", async (context) => {
  context.skip(without, why);
  const leaves = mine()!;
  const all = Array.from({ length: 20 }, () => ({ run: newRun(), ...sleeper() }));
  let moved = 0;
  const entered = all.map(({ run, child }) => leaves.enter(run, child).then(() => moved++));
  await readFile(import.meta.filename);
  expect(moved).toBeLessThan(10);
  await Promise.all(entered);
  expect(leaves.members()).toHaveLength(20);
  await Promise.all(all.map(({ program }) => end(program)));
  for (const { run } of all) leaves.remove(run);
  expect(leaves.runs()).toEqual([]);
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
