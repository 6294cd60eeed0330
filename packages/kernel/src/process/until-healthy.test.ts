/** How long something is looked at that is not well. */
import { expect, test } from "vitest";
import { type ManualClock, manualClock } from "../ports/clock.reference.ts";
import { untilHealthy } from "./until-healthy.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Moves time on by small steps, each after all that can happen has happened. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 10) {
    await settle();
    clock.advance(10);
  }
  await settle();
}

interface Seen {
  readonly looks: number[];
  answer: { readonly well: boolean; readonly atMs: number } | undefined;
}

function watched(clock: ManualClock, look: (signal: AbortSignal) => Promise<boolean>, stop = new AbortController()) {
  const seen: Seen = { looks: [], answer: undefined };
  const waiting = untilHealthy({
    ...{ clock, deadlineMs: clock.monotonicMs() + 5_000, pollMs: 1_000, lookMs: 60_000, signal: stop.signal },
    look: ({ signal }) => {
      seen.looks.push(clock.monotonicMs());
      return look(signal);
    },
  });
  void waiting.then((well) => {
    seen.answer = { well, atMs: clock.monotonicMs() };
  });
  return seen;
}

test("a look that hangs and hears no signal does not hold the waiting beyond its deadline (CR-02)", async () => {
  const clock = manualClock();
  const seen = watched(clock, () => new Promise(() => undefined));
  await pass(clock, 4_990);
  expect(seen.answer).toBeUndefined();
  await pass(clock, 20);
  expect(seen.answer).toMatchObject({ well: false });
});

test("time that slow looks take counts, and what is left is not slept beyond (CR-02)", async () => {
  const clock = manualClock();
  const slowly = () => new Promise<boolean>((resolve) => void clock.after(1_500, () => resolve(false)));
  const seen = watched(clock, slowly);
  await pass(clock, 10_000);
  expect(seen.answer).toMatchObject({ well: false });
  expect(seen.answer?.atMs).toBeLessThanOrEqual(5_020);
  expect(seen.looks.length).toBeLessThanOrEqual(3);
});

test("the last look is just before the deadline, and it may be the good one (CR-02)", async () => {
  const clock = manualClock();
  const seen = watched(clock, async () => clock.monotonicMs() >= 4_400);
  await pass(clock, 6_000);
  expect(seen.answer).toMatchObject({ well: true });
  expect(seen.looks.at(-1)).toBeGreaterThanOrEqual(4_400);
  expect(seen.answer?.atMs).toBeLessThanOrEqual(5_000);
});

test("who is told that it will not become well looks no further (CR-02)", async () => {
  const clock = manualClock();
  const stop = new AbortController();
  const seen = watched(clock, async () => false, stop);
  await pass(clock, 1_500);
  const { length } = seen.looks;
  stop.abort();
  await pass(clock, 4_000);
  expect(seen).toMatchObject({ answer: { well: false }, looks: { length } });
});
