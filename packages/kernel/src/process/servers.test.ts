/** Servers that several sessions share: one child for each configuration, seen to be healthy, and nothing left of it. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../ports/clock.system.ts";
import { firstLine, openStage, type Stage, until, watchPid } from "./process.fixture.ts";
import type { ServerPlan } from "./server.ts";
import { key, planFor } from "./servers.fixture.ts";
import { createServers, type Lease, type Servers } from "./servers.ts";

let stage: Stage;
let servers: Servers;
beforeEach(() => {
  stage = openStage();
  servers = createServers({ clock: systemClock, processes: stage.processes, dir: join(stage.stateDir, "servers") });
});
afterEach(async () => {
  await servers[Symbol.asyncDispose]();
  await stage.end();
});

const planned = (over: Parameters<typeof planFor>[1] = {}) => planFor(stage.stateDir, over);
const enter = (plan: ServerPlan): Promise<Lease> =>
  servers.ensureRunning(plan, { signal: new AbortController().signal });
const starts = (): readonly number[] =>
  readFileSync(join(stage.stateDir, "starts"), "utf8").trim().split("\n").map(Number);
const beWell = (how: "well" | "sick" | "deaf") => writeFile(join(stage.stateDir, "health"), how);
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
const faultOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no fault",
    (error: unknown) => error,
  );
const brief = { startMs: 60_000, healMs: 1_500, lookMs: 500, pollMs: 50 };

test("a server is looked at until it is healthy, and one that is healthy is not started again (C-02)", async () => {
  const { plan } = planned({ program: { sickLooks: 3 } });
  const first = await enter(plan);
  const second = await enter(plan);
  expect(second.server).toBe(first.server);
  expect(starts()).toEqual([first.server.pid]);
});

test("callers who come at once share one start, and one who gives up takes it from nobody (CR-01)", async () => {
  const { plan } = planned({ program: { sickLooks: 5 } });
  const impatient = new AbortController();
  const gone = faultOf(servers.ensureRunning(plan, { signal: impatient.signal }));
  const others = Array.from({ length: 5 }, () => enter(plan));
  impatient.abort(new Error("left"));
  expect(await gone).toMatchObject({ message: "left" });
  const leases = await Promise.all(others);
  expect(new Set(leases.map(({ server }) => server.pid)).size).toBe(1);
  expect(starts()).toHaveLength(1);
});

test("a server that is sick for a while is waited for, and not started beside itself (CR-01)", async () => {
  const { plan } = planned({ limits: { ...brief, healMs: 60_000 } });
  const { server } = await enter(plan);
  await beWell("sick");
  const again = enter(plan);
  await beWell("well");
  expect((await again).server).toBe(server);
  expect(starts()).toHaveLength(1);
});

test.each(["sick", "deaf"] as const)(
  "a live server that stays %s is ended before another is started, and never are there two (CR-01)",
  async (how) => {
    const { plan } = planned({ limits: brief });
    const { server } = await enter(plan);
    const isAlive = watchPid(server.pid);
    await beWell(how);
    const again = Promise.all([enter(plan), enter(plan)]);
    await until(() => starts().length === 2);
    await beWell("well");
    const [next, other] = await again;
    expect(isAlive()).toBe(false);
    expect(other?.server).toBe(next?.server);
    expect(starts()).toEqual([server.pid, next?.server.pid]);
    expect(existsSync(join(stage.stateDir, "together"))).toBe(false);
  },
);

test("a server that is never healthy is ended at the deadline, and what it said last is told (CR-01, CR-02)", async () => {
  const { plan, places } = planned({ program: { mute: true }, limits: { ...brief, startMs: 1_500 } });
  expect(await faultOf(enter(plan))).toMatchObject({
    code: "harness.start",
    message: expect.stringContaining("was not healthy within 1.5 s"),
  });
  expect((await stage.processes.list()).length).toBe(0);
  expect(existsSync(places[0]!.tempDir)).toBe(false);
});

test("ten megabytes on both of its pipes hold a server up as little as they fill memory or disk (CR-03)", async () => {
  const { plan } = planned({ program: { floodBytes: 10 * 1024 * 1024 } });
  const { server } = await enter(plan);
  const { head, tail, totalLines } = server.stdout();
  expect(totalLines).toBe(10 * 1024 + 1);
  expect(head.length + tail.length).toBeLessThan(100);
  expect((await stat(plan.logFile)).size).toBeLessThanOrEqual(1024 * 1024);
});

const life = fileURLToPath(new URL("./server-life.fixture.ts", import.meta.url));

async function otherLife() {
  const env = { PATH: process.env.PATH ?? "" };
  const daemon = spawn(process.execPath, [life, stage.stateDir], { env, stdio: ["ignore", "pipe", "inherit"] });
  const told = JSON.parse(await firstLine(daemon.stdout));
  const kill = async () => {
    const gone = new Promise((resolve) => daemon.once("exit", resolve));
    daemon.kill("SIGKILL");
    await gone;
  };
  return { told, kill, isAlive: watchPid(told.pid) };
}

test("under umask 000 a server's configuration and log are their owner's alone (CR-04, CR-05)", async () => {
  const { told, kill } = await otherLife();
  try {
    expect(readFileSync(told.config, "utf8")).toContain(key);
    expect(await modeOf(told.config)).toBe("600");
    expect(await modeOf(join(told.config, ".."))).toBe("700");
    expect(await modeOf(told.tempDir)).toBe("700");
    expect(await modeOf(told.logFile)).toBe("600");
    expect(await modeOf(join(told.logFile, ".."))).toBe("700");
  } finally {
    await kill();
    await stage.processes.sweepFormerLives();
  }
});

test("the server of a killed daemon is ended by the next one, and its key is gone from the disk (CR-04)", async () => {
  const { told, kill, isAlive } = await otherLife();
  await kill();
  expect([isAlive(), existsSync(told.config)]).toEqual([true, true]);
  await stage.processes.sweepFormerLives();
  expect([isAlive(), existsSync(told.config)]).toEqual([false, false]);
});

const opened = async (): Promise<readonly string[]> =>
  (await readdir("/proc/self/fd")).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // It was the one with which the list was read.
    }
  });

test.runIf(existsSync("/proc/self/fd"))(
  "the log of a server that has ended is closed, and the file with its key is gone (CR-05)",
  async () => {
    const { plan, places } = planned();
    const { server } = await enter(plan);
    expect(await opened()).toContain(plan.logFile);
    expect(existsSync(places[0]!.config)).toBe(true);
    await server.close();
    await server.exited;
    expect(await opened()).not.toContain(plan.logFile);
    expect(existsSync(places[0]!.config)).toBe(false);
    expect(readFileSync(plan.logFile, "utf8")).toContain("listening on");
  },
);

test("a server that dies while it starts fails at once with its last words, and is not started again by itself (CR-06)", async () => {
  const { plan } = planned({ program: { dies: `no port for ${key}` }, limits: { startMs: 600_000 } });
  const fault = await faultOf(Promise.all([enter(plan), enter(plan)]));
  expect(fault).toMatchObject({
    code: "harness.start",
    message: expect.stringContaining("exited with code 3 before it was healthy. Its last words: no port for"),
    more: { exitCode: 3 },
  });
  expect(JSON.stringify(fault)).not.toContain(key);
  expect(starts()).toHaveLength(1);
});

test("a server that dies young again and again is left alone for a while (CR-06)", async () => {
  const { plan } = planned({
    program: { dies: "again" },
    limits: { crashes: { count: 2, periodMs: 600_000, rapidMs: 600_000 } },
  });
  for (let time = 0; time < 3; time += 1) expect(await faultOf(enter(plan))).toMatchObject({ code: "harness.start" });
  expect(await faultOf(enter(plan))).toMatchObject({ code: "harness.crash_loop" });
  expect(starts()).toHaveLength(3);
});

test("a server that is killed ends for all who use it, and the next who asks has another (C-02)", async () => {
  const { plan } = planned();
  const [one, other] = [await enter(plan), await enter(plan)];
  process.kill(one.server.pid, "SIGKILL");
  expect(await other.server.exited).toMatchObject({ signal: "SIGKILL" });
  expect((await enter(plan)).server.pid).not.toBe(one.server.pid);
  expect(starts()).toHaveLength(2);
});

test("who names another key shares nothing", async () => {
  const [one, other] = [planned().plan, planned({ key: "other" }).plan];
  expect((await enter(one)).server.pid).not.toBe((await enter(other)).server.pid);
});

test("a server ends a while after its last user has left, and not before", async () => {
  const { plan } = planned({ limits: { restMs: 300 } });
  const [one, other] = [await enter(plan), await enter(plan)];
  const isAlive = watchPid(one.server.pid);
  one.leave();
  one.leave();
  const third = await enter(plan);
  expect(third.server).toBe(one.server);
  third.leave();
  expect(isAlive()).toBe(true);
  other.leave();
  await one.server.exited;
  expect(isAlive()).toBe(false);
});

test("a server whose launch does not come to an end is given up at the deadline, and when the daemon stops (CR-01)", async () => {
  const hangs = (): Promise<never> => new Promise(() => undefined);
  const { plan } = planned({ launch: hangs, limits: { startMs: 300 } });
  expect(await faultOf(enter(plan))).toMatchObject({
    code: "harness.start",
    message: expect.stringContaining("was not healthy within 0.3 s"),
  });
  const coming = faultOf(enter(planned({ key: "other", launch: hangs, limits: { startMs: 600_000 } }).plan));
  await servers[Symbol.asyncDispose]();
  expect(await coming).toMatchObject({ code: "daemon.stopping" });
});

test("a place that is empty for as long as deaths are counted is forgotten, and one in use is not", async () => {
  const periodMs = 987_654;
  const pending = new Set<() => void>();
  const after = (ms: number, then: () => void) => {
    if (ms !== periodMs) return systemClock.after(ms, then);
    pending.add(then);
    return () => void pending.delete(then);
  };
  await using some = createServers({
    clock: { ...systemClock, after },
    processes: stage.processes,
    dir: join(stage.stateDir, "servers"),
  });
  const signal = new AbortController().signal;
  const { plan } = planned({ limits: { restMs: 20, crashes: { count: 1, periodMs } } });
  // A place takes its bounds from the plan that it was made for, and within a millisecond nothing starts.
  const hasty = { ...plan, limits: { startMs: 1 } };
  const first = await some.ensureRunning(plan, { signal });
  first.leave();
  await until(() => pending.size === 1);
  const [early] = pending;
  const second = await some.ensureRunning(hasty, { signal });
  early?.();
  const third = await some.ensureRunning(hasty, { signal });
  expect(third.server).toBe(second.server);
  for (const { leave } of [second, third]) leave();
  await until(() => pending.size === 1 && !pending.has(early!));
  const [late] = pending;
  late?.();
  expect(await faultOf(some.ensureRunning(hasty, { signal }))).toMatchObject({
    message: expect.stringContaining("within 0.001 s"),
  });
});

test("one server that cannot be stopped keeps no other from being stopped", async () => {
  const stuck = new Error("cannot be stopped");
  const { processes } = stage;
  const spawnStuck: typeof processes.spawn = async (need) => {
    const child = await processes.spawn(need);
    return need.name === "stuck" ? { ...child, close: () => Promise.reject(stuck) } : child;
  };
  const some = createServers({
    clock: systemClock,
    processes: { ...processes, spawn: spawnStuck },
    dir: join(stage.stateDir, "servers"),
  });
  const ask = { signal: new AbortController().signal };
  await some.ensureRunning(planned({ key: "stuck", name: "stuck" }).plan, ask);
  const { server } = await some.ensureRunning(planned({ key: "other" }).plan, ask);
  let gone = false;
  void server.exited.then(() => {
    gone = true;
  });
  expect(await faultOf(Promise.resolve(some[Symbol.asyncDispose]()))).toBe(stuck);
  expect(gone).toBe(true);
});

test("a daemon that stops ends its servers, also one that is coming up, and starts no more", async () => {
  const { plan } = planned();
  const { server } = await enter(plan);
  const coming = faultOf(enter(planned({ key: "other", program: { mute: true }, limits: { startMs: 600_000 } }).plan));
  await until(() => starts().length === 2);
  await servers[Symbol.asyncDispose]();
  expect(await coming).toMatchObject({ code: "daemon.stopping" });
  expect(await server.exited).toBeDefined();
  expect(await stage.processes.list()).toEqual([]);
  expect(await faultOf(enter(plan))).toMatchObject({ code: "daemon.stopping" });
});
