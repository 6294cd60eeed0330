/** Keeps one program running: starts it again when it ends, waits longer each time, and gives up when it ends too often. */
import { Fault, isFault } from "@corral/protocol";
import type { Clock } from "../ports/clock.ts";
import type { Exit } from "./process.ts";
import { createTally, type Intensity } from "./tally.ts";

/** What is started: a `Child`, or whatever ends and can be closed like one. */
export interface Supervised {
  readonly exited: Promise<Exit>;
  close(): Promise<unknown>;
}

/** permanent: always started again; transient: only when it ended badly; temporary: never. */
export type Restart = "permanent" | "transient" | "temporary";

/** The n-th restart in a row waits n steps, up to the limit. */
export interface Backoff {
  readonly stepMs: number;
  readonly maxMs: number;
}

export const usualIntensity: Intensity = { count: 3, periodMs: 120_000, rapidMs: 30_000 };
export const usualBackoff: Backoff = { stepMs: 500, maxMs: 10_000 };

export interface SuperviseNeed {
  readonly clock: Clock;
  /** Starts it once more; a refusal counts as a rapid end, and one that can never change ends the attempts. */
  readonly start: () => Promise<Supervised>;
  readonly restart: Restart;
  readonly intensity?: Intensity;
  readonly backoff?: Backoff;
}

/** Why nothing runs any more. */
export type SupervisionEnd =
  | { readonly reason: "stopped"; readonly restarts: number }
  | { readonly reason: "finished"; readonly restarts: number; readonly exit: Exit }
  | { readonly reason: "gave up"; readonly restarts: number; readonly fault: Fault; readonly exit?: Exit };

export interface Supervision extends AsyncDisposable {
  /** What runs now; undefined while it starts, waits to be started again, or has ended for good. */
  current(): Supervised | undefined;
  readonly restarts: number;
  /** Resolves once, when nothing will be started any more; never rejects. */
  readonly ended: Promise<SupervisionEnd>;
  /** Closes what runs, starts nothing any more. Idempotent. */
  stop(): Promise<SupervisionEnd>;
}

/** How one life of the program went: it ended, or it did not even begin. */
type Life = { readonly livedMs: number } & ({ readonly exit: Exit } | { readonly refusal: unknown });

const endedWell = (life: Life): boolean => "exit" in life && life.exit.code === 0 && life.exit.signal === undefined;

function describe(life: Life): string {
  if ("exit" in life) return life.exit.signal ? `signal ${life.exit.signal}` : `code ${life.exit.code ?? "unknown"}`;
  return life.refusal instanceof Fault ? life.refusal.message : "it could not be started";
}

function tooOften(life: Life, { count, periodMs }: Intensity): Fault {
  return new Fault("harness.crashed", {
    detail: `The program ended more than ${count} times within ${periodMs / 1000} s; the last time: ${describe(life)}.`,
    help: "Read the last lines of its stderr, correct the cause, and start it again.",
    ...("exit" in life ? { more: { ...life.exit } } : { cause: life.refusal }),
  });
}

function neverBegan(life: Life): Fault {
  if ("refusal" in life && isFault(life.refusal)) return life.refusal;
  const help = "It is not tried again; see the cause.";
  return new Fault("process.start", { detail: `The program did not begin: ${describe(life)}.`, help });
}

/** What follows from a life: the end of all, or the pause before the next. */
function createVerdict({ clock, restart, intensity = usualIntensity, backoff = usualBackoff }: SuperviseNeed) {
  const tally = createTally({ clock, intensity });
  return (life: Life, restarts: number): SupervisionEnd | { readonly pauseMs: number } => {
    if ("refusal" in life && isFault(life.refusal) && life.refusal.retry === "never") {
      return { reason: "gave up", restarts, fault: life.refusal };
    }
    const enough = restart === "temporary" || (restart === "transient" && endedWell(life));
    if (enough && "exit" in life) return { reason: "finished", restarts, exit: life.exit };
    tally.add(life.livedMs);
    if (!enough && !tally.tooOften) return { pauseMs: Math.min(backoff.maxMs, backoff.stepMs * tally.inARow) };
    const fault = enough ? neverBegan(life) : tooOften(life, intensity);
    return { reason: "gave up", restarts, fault, ...("exit" in life ? { exit: life.exit } : {}) };
  };
}

export function supervise(need: SuperviseNeed): Supervision {
  const { clock, start } = need;
  const verdictOn = createVerdict(need);
  let running: Supervised | undefined;
  let restarts = 0;
  let stopping = false;
  let endPause: (() => void) | undefined;

  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const takeBack = clock.after(ms, resolve);
      endPause = () => {
        takeBack();
        resolve();
      };
    });
  const live = async (): Promise<Life> => {
    const beganMs = clock.monotonicMs();
    try {
      running = await start();
      if (stopping) await running.close();
      const exit = await running.exited;
      const livedMs = clock.monotonicMs() - beganMs;
      // What it left behind goes before the next one comes.
      await running.close();
      return { exit, livedMs };
    } catch (refusal) {
      return { refusal, livedMs: clock.monotonicMs() - beganMs };
    } finally {
      running = undefined;
    }
  };
  const run = async (): Promise<SupervisionEnd> => {
    for (;;) {
      const life = await live();
      const verdict = stopping ? ({ reason: "stopped", restarts } as const) : verdictOn(life, restarts);
      if ("reason" in verdict) return verdict;
      await pause(verdict.pauseMs);
      if (stopping) return { reason: "stopped", restarts };
      restarts++;
    }
  };
  const ended = run();
  const stop = async (): Promise<SupervisionEnd> => {
    stopping = true;
    endPause?.();
    await running?.close();
    return ended;
  };
  return {
    current: () => running,
    get restarts() {
      return restarts;
    },
    ended,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}
