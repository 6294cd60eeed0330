/** Whose a process is, told by tables of our own making. */
import { describe, expect, test } from "vitest";
import { manualClock } from "../ports/clock.reference.ts";
import { createOwnership } from "./ownership.ts";
import type { ProcessEntry, ProcessTable } from "./proc-table.ts";
import { newRun } from "./process.fixture.ts";
import { createRollCall } from "./roll-call.ts";

const selfPid = 10;
const entry = (pid: number, over: Partial<ProcessEntry> = {}): ProcessEntry => ({
  pid,
  parent: 1,
  session: pid,
  startTicks: pid,
  marks: {},
  settled: true,
  ...over,
});
const tableOf = (...entries: readonly ProcessEntry[]): ProcessTable =>
  new Map([entry(selfPid), ...entries].map((one) => [one.pid, one]));
const pidsOf = (entries: readonly ProcessEntry[]) => entries.map(({ pid }) => pid).sort((a, b) => a - b);

function openBook() {
  const run = newRun();
  const ownership = createOwnership({ owner: "us", selfPid });
  ownership.begin(run);
  let reaped = false;
  const child = { pid: 20, startTicks: 20, reaped: () => reaped };
  ownership.adopt(run, child);
  const reap = () => {
    reaped = true;
  };
  return { run, ownership, child, reap };
}

describe("ownership", () => {
  test("a child, its session, its descendants and whoever carries the mark belong to the run", () => {
    const { run, ownership, child } = openBook();
    const claims = ownership.claim(
      tableOf(
        entry(20, { parent: selfPid }),
        entry(21, { session: 20 }),
        entry(22, { parent: 21 }),
        entry(23, { marks: { run, owner: "us" } }),
        entry(24, { parent: 23 }),
        entry(25),
      ),
    );
    expect(pidsOf(claims.of(run))).toEqual([20, 21, 22, 23, 24]);
    expect(pidsOf(claims.ofChild(child))).toEqual([20, 21, 22]);
  });

  test("a mark of another owner, or of a run unknown without an owner, claims nothing", () => {
    const { run, ownership } = openBook();
    const stranger = newRun();
    const claims = ownership.claim(
      tableOf(entry(30, { marks: { run, owner: "them" } }), entry(31, { marks: { run: stranger } })),
    );
    expect([claims.of(run), claims.of(stranger), claims.former()]).toEqual([[], [], []]);
  });

  test("the daemon and its ancestors are never claimed, whatever marks they carry", () => {
    const { ownership } = openBook();
    const marks = { run: newRun(), owner: "us" };
    const claims = ownership.claim(
      new Map([entry(5, { marks }), entry(selfPid, { parent: 5, marks }), entry(40, { marks })].map((e) => [e.pid, e])),
    );
    expect([claims.former(), pidsOf(claims.of(marks.run))]).toEqual([[marks.run], [40]]);
  });

  test("whoever was seen stays claimed when its parent has gone, and only as long as it is the same process", () => {
    const { run, ownership } = openBook();
    ownership.claim(tableOf(entry(20), entry(50, { parent: 20 }), entry(51, { parent: 20 })));
    const claims = ownership.claim(tableOf(entry(50), entry(51, { startTicks: 999 })));
    expect(pidsOf(claims.of(run))).toEqual([50]);
  });

  test("a reused pid of a child claims neither its new bearer nor the session of that number", () => {
    const { run, ownership, reap } = openBook();
    ownership.claim(tableOf(entry(20)));
    reap();
    expect(pidsOf(ownership.claim(tableOf()).of(run))).toEqual([]);
    const claims = ownership.claim(
      tableOf(entry(20, { startTicks: 999 }), entry(60, { session: 20, startTicks: 1000 })),
    );
    expect(claims.of(run)).toEqual([]);
  });

  test("a session outlives its leader as ours while a member that we know vouches for it", () => {
    const { run, ownership, reap } = openBook();
    ownership.claim(tableOf(entry(20)));
    reap();
    expect(pidsOf(ownership.claim(tableOf(entry(70, { session: 20 }))).of(run))).toEqual([70]);
    const claims = ownership.claim(tableOf(entry(70, { session: 20 }), entry(71, { session: 20 })));
    expect(pidsOf(claims.of(run))).toEqual([70, 71]);
  });

  test("a parent younger than its child is no parent", () => {
    const { run, ownership } = openBook();
    const claims = ownership.claim(tableOf(entry(20), entry(80, { parent: 20, startTicks: 3 })));
    expect(pidsOf(claims.of(run))).toEqual([20]);
  });
});

describe("the roll call", () => {
  test("a hundred who ask at once share one look, and later ones get a later look", async () => {
    let looks = 0;
    const rollCall = createRollCall({ clock: manualClock(), look: () => ++looks });
    expect(new Set(await Promise.all(Array.from({ length: 100 }, () => rollCall.next())))).toEqual(new Set([1]));
    expect(await rollCall.next()).toBe(2);
  });

  test("a look that fails is told to those who asked for it, and the next one is taken", async () => {
    let looks = 0;
    const look = () => {
      if (++looks === 1) throw new Error("too many open files");
      return looks;
    };
    const rollCall = createRollCall({ clock: manualClock(), look });
    await expect(rollCall.next()).rejects.toThrow("too many open files");
    expect(await rollCall.next()).toBe(2);
  });
});
