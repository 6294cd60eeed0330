/** What the SQLite store owes beyond the law: private files, one daemon, clear faults, an end to everything. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, manualClock, systemClock } from "@corral/kernel";
import { isFault } from "@corral/protocol";
import { expect, onTestFinished, test } from "vitest";
import { openSqliteStore, type SqliteNeed } from "./sqlite.ts";

const holder = new URL("./sqlite.hold.fixture.ts", import.meta.url).pathname;
const crashing = new URL("./sqlite.crash.fixture.ts", import.meta.url);

async function freshDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "corral-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isFault(error)) throw new Error("This was expected to be refused", { cause: error });
  return error;
}

/** A program of its own that has the store open. */
async function hold(dir: string, umask: string) {
  const child = spawn(process.execPath, [holder, dir, umask], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  await Promise.race([once(child.stdout, "data"), exited.then(() => Promise.reject(new Error("It did not start")))]);
  return {
    pid: child.pid,
    kill: () => child.kill("SIGKILL") && exited,
    end: () => child.stdin.end() && exited,
  };
}

const rights = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);

async function expectPrivate(dir: string): Promise<void> {
  expect(await rights(dir)).toBe("700");
  const names = (await readdir(dir)).sort();
  expect(names).toEqual(["corral.db", "corral.db-shm", "corral.db-wal", "lock.db", "lock.pid"]);
  for (const name of names) expect([name, await rights(join(dir, name))]).toEqual([name, "600"]);
}

test.each(["000", "022", "277"])("the state directory is private to its owner under umask %s", async (umask) => {
  const dir = join(await freshDir(), "new", "state");
  const { end } = await hold(dir, umask);
  await expectPrivate(dir);
  expect(await end()).toEqual([0, null]);
});

test("a state directory that was open to others is closed to them", async () => {
  const dir = await freshDir();
  const { kill } = await hold(dir, "000");
  await kill();
  for (const name of await readdir(dir)) await chmod(join(dir, name), 0o666);
  await chmod(dir, 0o777);
  await using _ = await openSqliteStore({ dir });
  await expectPrivate(dir);
});

test("a directory that everybody shares is refused and left as it is", async () => {
  const dir = await freshDir();
  await chmod(dir, 0o1777);
  expect((await refusal(openSqliteStore({ dir }))).code).toBe("config.invalid");
  expect(await rights(dir)).toBe("777");
  expect(await readdir(dir)).toEqual([]);
});

test("a second daemon on one state directory is refused and told which process has it", async () => {
  const dir = await freshDir();
  const { pid, kill } = await hold(dir, "022");
  const refused = await refusal(openSqliteStore({ dir }));
  expect([refused.code, refused.more?.pid]).toEqual(["store.locked", pid]);
  expect(refused.message).toContain(String(pid));
  await kill();
  await using store = await openSqliteStore({ dir });
  expect((await refusal(openSqliteStore({ dir }))).more?.pid).toBe(process.pid);
  expect((await store.head("held"))?.last).toBe(1);
  const other = spawnSync(process.execPath, [holder, dir, "022"], { encoding: "utf8" });
  expect([other.status, other.stderr.includes("store.locked")]).toEqual([1, true]);
});

test("an idle store does not keep its program alive", async () => {
  const dir = await freshDir();
  const ended = spawnSync(process.execPath, [holder, dir, "022", "leave"], { encoding: "utf8", timeout: 20_000 });
  expect([ended.status, ended.stdout, ended.stderr]).toEqual([0, "ready\n", ""]);
});

/** Appends until the store has no room; answers the last cursor that was acknowledged. */
async function fill(store: Awaited<ReturnType<typeof openSqliteStore>>, text: string): Promise<number> {
  for (let last = (await store.head("a"))?.last ?? 0; ; ) {
    const appended = await store
      .append({ subject: "a", expected: last, entries: [text] })
      .catch((error: unknown) => error);
    if (typeof appended !== "number") {
      expect(isFault(appended) && [appended.code, appended.help?.includes("space")]).toEqual(["store.full", true]);
      return last;
    }
    last = appended;
  }
}

const kilobytes = (count: number): string => "x".repeat(count * 1_024);

test("a store that reached its size refuses appends, answers reads, and goes on after a trim", async () => {
  const dir = await freshDir();
  await using store = await openSqliteStore({ dir, maxBytes: 1_000_000 });
  const last = await fill(store, kilobytes(10));
  expect(last).toBeGreaterThan(50);
  expect((await store.read("a", { after: 0, limit: 1_000 })).items).toHaveLength(last);
  await store.trim("a", last - 5);
  expect(await store.append({ subject: "a", expected: last, entries: [kilobytes(10)] })).toBe(last + 1);
});

test("an append that does not fit takes no other one down with it", async () => {
  const dir = await freshDir();
  await using store = await openSqliteStore({ dir, maxBytes: 1_000_000 });
  const large = refusal(store.append({ subject: "large", expected: 0, entries: [kilobytes(2_000)] }));
  const small = store.append({ subject: "small", expected: 0, entries: ["{}"] });
  expect([(await large).code, await small]).toEqual(["store.full", 1]);
  expect((await store.subjects({ limit: 9 })).map(({ subject }) => subject)).toEqual(["small"]);
});

/** A disk of its own, or why there is none. */
function mountSmallDisk(dir: string): string | undefined {
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", dir], { encoding: "utf8" });
  if (mounted.status !== 0) return `A small disk cannot be mounted here: ${mounted.stderr ?? mounted.error?.message}`;
  onTestFinished(() => void spawnSync("umount", [dir]));
  return undefined;
}

test("a full disk refuses appends and loses nothing; with room again appends go on", async ({ skip }) => {
  const disk = await freshDir();
  const why = mountSmallDisk(disk);
  if (why) skip(why);
  const dir = join(disk, "state");
  await writeFile(join(disk, "ballast"), Buffer.alloc(1_000_000));
  const store = await openSqliteStore({ dir });
  const last = await fill(store, kilobytes(10));
  expect(last).toBeGreaterThan(10);
  expect((await store.read("a", { after: 0, limit: 1_000 })).items).toHaveLength(last);
  await rm(join(disk, "ballast"));
  expect(await store.append({ subject: "a", expected: last, entries: ["room"] })).toBe(last + 1);
  await store[Symbol.asyncDispose]();
  await using again = await openSqliteStore({ dir });
  expect((await again.read("a", { after: last - 1, limit: 9 })).items.map(({ text }) => text.slice(0, 4))).toEqual([
    "xxxx",
    "room",
  ]);
});

test("a disk that cannot be written is refused by name", async ({ skip }) => {
  const disk = await freshDir();
  const why = mountSmallDisk(disk);
  if (why) skip(why);
  const dir = join(disk, "state");
  await (await openSqliteStore({ dir }))[Symbol.asyncDispose]();
  expect(spawnSync("mount", ["-o", "remount,ro", disk]).status).toBe(0);
  for (const place of [dir, join(disk, "none")]) {
    const refused = await refusal(openSqliteStore({ dir: place }));
    expect([refused.code, refused.help?.includes("right to write")]).toEqual(["store.read_only", true]);
  }
});

test("a state directory without the right to write is refused by name", async ({ skip }) => {
  if (process.getuid?.() === 0) skip("Root may write everywhere");
  const dir = await freshDir();
  await chmod(dir, 0o500);
  expect((await refusal(openSqliteStore({ dir }))).code).toBe("store.read_only");
});

test("a state directory that is a file is refused by name", async () => {
  const dir = join(await freshDir(), "file");
  await writeFile(dir, "");
  expect((await refusal(openSqliteStore({ dir }))).code).toBe("store.read_only");
});

test("a file that is no store is refused as damaged, with what to do, and not touched", async () => {
  const dir = await freshDir();
  const garbage = Buffer.alloc(20_000, "not a database ");
  await writeFile(join(dir, "corral.db"), garbage);
  const refused = await refusal(openSqliteStore({ dir }));
  expect([refused.code, refused.help?.includes(".recover")]).toEqual(["store.damaged", true]);
  expect((await stat(join(dir, "corral.db"))).size).toBe(garbage.length);
  // The refused opening let go of the directory.
  expect((await refusal(openSqliteStore({ dir }))).code).toBe("store.damaged");
});

test("a store with damaged pages says so when they are read", async () => {
  const dir = await freshDir();
  const store = await openSqliteStore({ dir });
  await store.append({ subject: "a", expected: 0, entries: Array.from({ length: 500 }, () => kilobytes(1)) });
  await store[Symbol.asyncDispose]();
  const file = await open(join(dir, "corral.db"), "r+");
  const half = Math.floor((await file.stat()).size / 2);
  await file.write(Buffer.alloc(half, 0xa5), 0, half, half);
  await file.close();
  await using again = await openSqliteStore({ dir });
  expect((await again.head("a"))?.last).toBe(500);
  expect((await refusal(again.read("a", { after: 0, limit: 1_000 }))).code).toBe("store.damaged");
});

const withCrash = async (need: Partial<SqliteNeed> = {}) =>
  openSqliteStore({ dir: await freshDir(), workerUrl: crashing, ...need });

test("when the writing thread dies everything that waits is refused, and the directory is free again", async () => {
  const dir = await freshDir();
  const store = await withCrash({ dir });
  await store.append({ subject: "a", expected: 0, entries: ["kept"] });
  const flying = store.append({ subject: "crash", expected: 0, entries: ["{}"] });
  const waiting = Promise.resolve().then(() => store.append({ subject: "a", expected: 1, entries: ["{}"] }));
  const codes = (await Promise.all([flying, waiting].map(refusal))).map(({ code, help }) => [code, help]);
  expect(codes).toEqual(Array(2).fill(["store.closed", expect.stringContaining("acknowledged")]));
  expect((await refusal(store.append({ subject: "a", expected: 1, entries: ["{}"] }))).message).toContain("died");
  await store[Symbol.asyncDispose]();
  await using again = await openSqliteStore({ dir });
  expect((await again.head("a"))?.last).toBe(1);
});

test("a thread that cannot be started is a fault for those who write, and the directory is free again", async () => {
  const dir = await freshDir();
  const workerUrl = new URL("./there-is-no-such-file.ts", import.meta.url);
  {
    await using store = await openSqliteStore({ dir, workerUrl });
    expect((await refusal(store.append({ subject: "a", expected: 0, entries: ["{}"] }))).code).toBe("store.closed");
    expect(await store.head("a")).toBeUndefined();
  }
  await using _ = await openSqliteStore({ dir });
});

test("closing does not wait for a writing thread that hangs (invariant 7)", async () => {
  // Time is short for this clock: whatever is due later is due at once.
  const clock: Clock = { ...systemClock, after: (_, call) => systemClock.after(1, call) };
  const store = await withCrash({ clock });
  const lost = refusal(store.append({ subject: "hang", expected: 0, entries: ["{}"] }));
  await new Promise<void>((resolve) => process.nextTick(resolve));
  await store[Symbol.asyncDispose]();
  expect((await lost).code).toBe("store.closed");
});

test("a thread that has had nothing to write for long is let go, and comes back for the next append", async () => {
  const clock = manualClock();
  await using store = await openSqliteStore({ dir: await freshDir(), clock });
  await store.append({ subject: "a", expected: 0, entries: ["{}"] });
  // The thread is let go on the turn of the loop after its answer.
  await new Promise<void>((resolve) => setImmediate(resolve));
  clock.advance(60_000);
  const appends = [1, 2, 3].map((expected) => store.append({ subject: "a", expected, entries: ["{}"] }));
  expect(await Promise.all(appends)).toEqual([2, 3, 4]);
});

test("a store may be opened in a directory that has other files", async () => {
  const dir = await freshDir();
  await mkdir(join(dir, "runs"), { mode: 0o755 });
  await using store = await openSqliteStore({ dir });
  expect(await store.append({ subject: "a", expected: 0, entries: ["{}"] })).toBe(1);
});
