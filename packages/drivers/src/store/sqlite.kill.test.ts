/** What kill -9 and torn writes do to the SQLite store: nothing that was acknowledged is lost. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, open, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { Store } from "@corral/kernel";
import { expect, onTestFinished, test } from "vitest";
import { openSqliteStore } from "./sqlite.ts";

const program = new URL("./sqlite.kill.fixture.ts", import.meta.url).pathname;
const writtenProgram = new URL("./sqlite.written.fixture.ts", import.meta.url).pathname;

async function freshDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "corral-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Lets the program append, kills it after so many acknowledgements, and answers what it had been promised. */
async function appendUntilKilled(dir: string, writers: number, acks: number): Promise<Map<string, number>> {
  const child = spawn(process.execPath, [program, dir, String(writers)], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const promised = new Map<string, number>();
  let left = acks;
  for await (const line of createInterface({ input: child.stdout })) {
    // The kill may cut the last line short: then it promises less, or nothing.
    const [subject = "", last = "0"] = line.split(" ");
    promised.set(subject, Math.max(Number(last), promised.get(subject) ?? 0));
    left -= 1;
    if (left === 0) child.kill("SIGKILL");
  }
  expect(await exited).toEqual([null, "SIGKILL"]);
  return promised;
}

async function expectDense(store: Store, subject: string, atLeast: number): Promise<void> {
  const { items, first, last } = await store.read(subject, { after: 0, limit: 1_000_000 });
  expect(first).toBe(1);
  expect(last).toBeGreaterThanOrEqual(atLeast);
  expect(items).toHaveLength(last);
  for (const [at, { cursor, text }] of items.entries()) {
    if (cursor !== at + 1 || text !== `${subject}:${cursor}`) expect.fail(`${subject} has ${text} at place ${at + 1}`);
  }
}

async function tearOff(path: string, bytes: number): Promise<void> {
  await truncate(path, (await stat(path)).size - bytes);
}

async function garble(path: string, bytes: number): Promise<void> {
  const file = await open(path, "r+");
  const { size } = await file.stat();
  await file.write(Buffer.alloc(bytes, 0xa5), 0, bytes, size - bytes);
  await file.close();
}

test("ten kills at random moments lose no acknowledged entry and leave no stale lock", {
  timeout: 120_000,
  retry: 0,
}, async () => {
  const dir = await freshDir();
  for (let round = 0; round < 10; round += 1) {
    const promised = await appendUntilKilled(dir, 8, 1 + Math.floor(Math.random() * 2_000));
    await using store = await openSqliteStore({ dir });
    for (const [subject, last] of promised) await expectDense(store, subject, last);
  }
});

test("what a program heard to be written is whole in the log, though it was killed before the disk was asked (invariant 4)", {
  timeout: 60_000,
}, async () => {
  const dir = await freshDir();
  const child = spawn(process.execPath, [writtenProgram, dir, "w0"], { stdio: ["ignore", "pipe", "inherit"] });
  const [kept, exit] = await Promise.all([text(child.stdout), once(child, "exit")]);
  expect([kept, exit]).toEqual(["", [null, "SIGKILL"]]);
  await using store = await openSqliteStore({ dir });
  await expectDense(store, "w0", 43);
  expect(await store.append({ subject: "w0", expected: 43, entries: ["w0:44"] })).toBe(44);
  await expectDense(store, "w0", 44);
});

const tears: readonly (readonly [string, number, (wal: string) => Promise<void>])[] = [
  ["cut off in its last bytes", 1, (wal) => tearOff(wal, 7)],
  ["cut off in its last page", 1, (wal) => tearOff(wal, 3_000)],
  ["garbled in its last bytes", 1, (wal) => garble(wal, 40)],
  ["followed by garbage", 0, (wal) => appendFile(wal, Buffer.alloc(5_000, 0x5a))],
];

test.each(tears)("a write-ahead log %s loses nothing before it", { timeout: 60_000 }, async (_, mayLose, tear) => {
  const dir = await freshDir();
  const promised = await appendUntilKilled(dir, 1, 30);
  await tear(join(dir, "corral.db-wal"));
  await using store = await openSqliteStore({ dir });
  // The torn transaction is the last one, of at most three entries.
  await expectDense(store, "w0", (promised.get("w0") ?? 0) - 3 * mayLose);
  const last = (await store.head("w0"))?.last ?? 0;
  expect(await store.append({ subject: "w0", expected: last, entries: [`w0:${last + 1}`] })).toBe(last + 1);
  await expectDense(store, "w0", last + 1);
});
