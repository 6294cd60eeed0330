/** When a program is started again, when it is not, and when it is given up. */
import { Fault } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { manualClock } from "../ports/clock.reference.ts";
import { systemClock } from "../ports/clock.system.ts";
import { openStage as openProcessStage } from "./process.fixture.ts";
import type { Exit } from "./process.ts";
import { type Supervised, type SuperviseNeed, supervise } from "./supervise.ts";

const silent = { head: [], tail: [], totalLines: 0, truncated: false };
const exitOf = (code: number): Exit => ({ code, stderr: silent });

interface Life extends Supervised {
  readonly end: (exit: Exit) => void;
  closed: boolean;
}

/** Lets everything that can go on without time go on. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

function openStage(over: Partial<SuperviseNeed> = {}) {
  const clock = manualClock();
  const lives: Life[] = [];
  const start = async (): Promise<Supervised> => {
    const { promise, resolve } = Promise.withResolvers<Exit>();
    const life: Life = {
      exited: promise,
      end: resolve,
      closed: false,
      async close() {
        life.closed = true;
        resolve(exitOf(0));
      },
    };
    lives.push(life);
    return life;
  };
  const supervision = supervise({ clock, start, restart: "permanent", ...over });
  return {
    clock,
    lives,
    supervision,
    async end(code: number) {
      await settle();
      lives.at(-1)!.end(exitOf(code));
      await settle();
    },
    async advance(ms: number) {
      clock.advance(ms);
      await settle();
    },
  };
}

describe("starting again", () => {
  test("a permanent program is started again whatever its end, and what it left is closed first", async () => {
    const stage = openStage();
    await stage.end(0);
    expect(stage.lives).toHaveLength(1);
    expect(stage.lives[0]!.closed).toBe(true);
    await stage.advance(500);
    expect(stage.lives).toHaveLength(2);
    expect(stage.supervision.restarts).toBe(1);
    expect(stage.supervision.current()).toBe(stage.lives[1]);
  });

  test("a transient program is started again only after a bad end", async () => {
    const stage = openStage({ restart: "transient" });
    await stage.end(1);
    await stage.advance(500);
    expect(stage.lives).toHaveLength(2);
    await stage.end(0);
    expect(await stage.supervision.ended).toMatchObject({ reason: "finished", restarts: 1, exit: { code: 0 } });
  });

  test("a temporary program is never started again", async () => {
    const stage = openStage({ restart: "temporary" });
    await stage.end(1);
    expect(await stage.supervision.ended).toMatchObject({ reason: "finished", restarts: 0, exit: { code: 1 } });
  });

  test("each rapid end in a row makes the pause one step longer, up to the limit (B-13)", async () => {
    const stage = openStage({ intensity: { count: 100, periodMs: 1e6 }, backoff: { stepMs: 500, maxMs: 1200 } });
    const pauses = [500, 1000, 1200, 1200];
    for (const [n, pauseMs] of pauses.entries()) {
      await stage.end(1);
      await stage.advance(pauseMs - 1);
      expect(stage.lives).toHaveLength(n + 1);
      await stage.advance(1);
      expect(stage.lives).toHaveLength(n + 2);
    }
  });
});

describe("giving up", () => {
  test("more than three rapid ends within two minutes are too many, and the reason is told (B-13, BR-06)", async () => {
    const stage = openStage();
    for (let n = 0; n < 4; n++) {
      await stage.end(137);
      await stage.advance(10_000);
    }
    const end = await stage.supervision.ended;
    expect(stage.lives).toHaveLength(4);
    expect(end).toMatchObject({ reason: "gave up", restarts: 3, exit: { code: 137 } });
    expect(end.reason === "gave up" && end.fault.toRecord()).toMatchObject({
      code: "harness.crashed",
      detail: expect.stringContaining("code 137"),
      more: { code: 137 },
    });
  });

  test("ends that are far apart, or follow a long life, are borne for ever", async () => {
    const stage = openStage();
    for (let n = 0; n < 10; n++) {
      await settle();
      await stage.advance(30_000);
      await stage.end(1);
      await stage.advance(10_000);
    }
    expect(stage.lives).toHaveLength(11);
  });

  test("a program that cannot be started is tried again, and then given up", async () => {
    let attempts = 0;
    const start = async () => {
      attempts++;
      throw new Fault("process.start", { detail: "The program x could not be started: it was not found." });
    };
    const stage = openStage({ start });
    for (let n = 0; n < 4; n++) {
      await settle();
      await stage.advance(10_000);
    }
    expect(await stage.supervision.ended).toMatchObject({
      reason: "gave up",
      fault: { message: expect.stringContaining("not found") },
    });
    expect(attempts).toBe(4);
  });

  test("a refusal that time does not heal ends the attempts at once", async () => {
    const fault = new Fault("workspace.missing", { detail: "There is no directory /x." });
    const stage = openStage({ start: () => Promise.reject(fault) });
    expect(await stage.supervision.ended).toEqual({ reason: "gave up", restarts: 0, fault });
  });
});

test("a real program that crashes again and again is given up with its last words (CR-06)", async () => {
  const stage = openProcessStage();
  const supervision = supervise({
    clock: systemClock,
    start: () => stage.processes.spawn(stage.script("echo no licence >&2; exit 3")),
    restart: "permanent",
    backoff: { stepMs: 1, maxMs: 1 },
  });
  const end = await supervision.ended;
  expect(end).toMatchObject({ reason: "gave up", restarts: 3, exit: { code: 3, stderr: { tail: ["no licence"] } } });
  await stage.end();
});

describe("stopping", () => {
  test("stopping closes what runs and starts nothing more", async () => {
    const stage = openStage();
    await settle();
    expect(await stage.supervision.stop()).toEqual({ reason: "stopped", restarts: 0 });
    expect(stage.lives.map(({ closed }) => closed)).toEqual([true]);
    await stage.advance(60_000);
    expect(stage.lives).toHaveLength(1);
  });

  test("stopping ends a pause at once", async () => {
    const stage = openStage();
    await stage.end(1);
    expect(await stage.supervision.stop()).toEqual({ reason: "stopped", restarts: 0 });
    expect(stage.supervision.current()).toBeUndefined();
  });

  test("stopping in the middle of a start closes what has just begun", async () => {
    const stage = openStage();
    const stopped = stage.supervision.stop();
    expect((await stopped).reason).toBe("stopped");
    expect(stage.lives.every(({ closed }) => closed)).toBe(true);
  });
});
