/** Two write one file, each on its own thread: which of them does is a matter of time, and no entry can tell. */
import { execFile } from "node:child_process";
import { fstatSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Clock, manualClock, systemClock } from "@corral/kernel";
import { isFault } from "@corral/protocol";
import { expect, onTestFinished, test } from "vitest";
import { openSqliteStore } from "./sqlite.ts";
import { createNear, type Near } from "./sqlite-near.ts";
import { openToWrite } from "./sqlite-open.ts";
import type { Write } from "./sqlite-wire.ts";

async function freshDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "corral-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A near writer of a new file, on a disk whose speed is said. */
async function openNear(maxBytes?: number) {
  const file = join(await freshDir(), "a.db");
  const disk = { ms: 0.2, nowMs: 0 };
  const clock: Clock = { ...manualClock(), monotonicMs: () => (disk.nowMs += disk.ms) };
  const synced: number[] = [];
  const sync = (open: number) => void synced.push(fstatSync(open).ino);
  const db = openToWrite({ file, ...(maxBytes === undefined ? {} : { maxBytes }) });
  const near = createNear({ db, file, clock, sync });
  onTestFinished(() => near.close());
  let last = 0;
  const small = (): readonly Write[] => [{ subject: "a", expected: last, entries: ["x"] }];
  const commits = (): boolean => {
    const answers = near.write(small());
    near.flush();
    if (answers) last = Number(answers[0]);
    return answers !== undefined;
  };
  return { near, disk, commits, expected: () => last, file, synced };
}

const trust = (near: Near): void => {
  for (let at = 0; at < 30; at++) near.tookElsewhere(0.5);
};

test("a disk has to be quick for a while before anything is written on the thread that asks", async () => {
  const { near, commits } = await openNear();
  for (let at = 0; at < 10; at++) near.tookElsewhere(0.5);
  expect(commits()).toBe(false);
  trust(near);
  expect([commits(), commits()]).toEqual([true, true]);
  near.tookElsewhere(20);
  expect(commits()).toBe(false);
});

test("one slow commit on the thread that asks is the last one for a while", async () => {
  const { near, disk, commits } = await openNear();
  trust(near);
  expect(commits()).toBe(true);
  disk.ms = 30;
  expect([commits(), commits()]).toEqual([true, false]);
});

test("each commit is brought to the disk where the write-ahead log is, once, and not before it is written", async () => {
  const { near, commits, expected, file, synced } = await openNear();
  trust(near);
  near.flush();
  expect([commits(), commits()]).toEqual([true, true]);
  const { ino } = statSync(`${file}-wal`);
  expect(synced).toEqual([ino, ino]);
  for (const last of [2, 3]) near.write([{ subject: "a", expected: last, entries: ["x"] }]);
  expect(synced.length).toBe(2);
  near.flush();
  near.flush();
  expect([synced, expected()]).toEqual([[ino, ino, ino], 2]);
});

test("a commit that takes a little longer now and then changes nothing", async () => {
  const { near, disk, commits } = await openNear();
  trust(near);
  for (let at = 0; at < 5; at++) {
    disk.ms = 2;
    expect(commits()).toBe(true);
    disk.ms = 0.2;
    for (let more = 0; more < 5; more++) expect(commits()).toBe(true);
  }
});

test("the other thread has its turn now and then, so that the write-ahead log is folded into the file", async () => {
  const { near, commits } = await openNear();
  trust(near);
  const done = Array.from({ length: 250 }, commits).filter(Boolean).length;
  expect(done).toBe(200);
  near.tookElsewhere(0.5);
  expect(commits()).toBe(true);
});

test("large groups, removals and what the disk refuses are left to the other thread", async () => {
  const { near, commits, expected } = await openNear(64 * 1024);
  trust(near);
  expect(commits()).toBe(true);
  expect(near.write([{ remove: "a" }])).toBeUndefined();
  expect(near.write([{ subject: "a", expected: expected(), entries: ["x".repeat(40_000)] }])).toBeUndefined();
  const five = [0, 1, 2, 3, 4].map((at) => ({ subject: `s${at}`, expected: 0, entries: ["x"] }));
  expect(near.write(five)).toBeUndefined();
  while (commits()) trust(near);
  const before = expected();
  expect(before).toBeGreaterThan(1);
  trust(near);
  expect([commits(), expected()]).toEqual([false, before]);
});

test("entries that both threads wrote in turns stand in order, and each knows what the other wrote", async () => {
  const dir = await freshDir();
  // Every commit seems quick, however busy this machine is.
  const clock: Clock = { ...systemClock, monotonicMs: () => 0 };
  await using store = await openSqliteStore({ dir, clock });
  const all: string[] = [];
  const append = async (...entries: readonly string[]) => {
    expect(await store.append({ subject: "a", expected: all.length, entries })).toBe(all.push(...entries));
  };
  for (let at = 0; at < 300; at++) {
    await append(`small ${at}`);
    if (at % 7 === 0) await append(`large ${at} ${"x".repeat(40_000)}`);
  }
  for (const entries of [["late"], ["x".repeat(40_000)]]) {
    const stale = store.append({ subject: "a", expected: 5, entries }).catch((error: unknown) => error);
    expect(isFault(await stale, "store.conflict")).toBe(true);
  }
  const page = await store.read("a", { after: 0, limit: 1_000 });
  expect(page.items.map(({ text }) => text)).toEqual(all);
});

test("a program that has nothing else to do is told what was kept of that which can wait, before it ends", async () => {
  const program = new URL("./sqlite.patient.fixture.ts", import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [program, await freshDir()]);
  expect(stdout).toBe("40 kept\n");
});

test("whoever appends without end leaves the program time to read and to hear", async () => {
  const dir = await freshDir();
  await using store = await openSqliteStore({ dir, clock: { ...systemClock, monotonicMs: () => 0 } });
  let heard = 0;
  const hearing = setInterval(() => heard++, 1);
  for (let at = 0; at < 400; at++) await store.append({ subject: "a", expected: at, entries: ["x"] });
  clearInterval(hearing);
  expect(heard).toBeGreaterThan(3);
});
