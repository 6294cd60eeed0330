/** What the tests of this folder share: stores that wait or fail when told to, and ways to read followers. */
import { setImmediate as breath } from "node:timers/promises";
import { Fault } from "@corral/protocol";
import { systemClock } from "../ports/clock.system.ts";
import { memoryStore } from "../ports/store.reference.ts";
import type { Append, Entry, Store } from "../ports/store.ts";
import type { FollowStep } from "./chunk.ts";
import { Log } from "./log.ts";

export const subject = "ses_test";

/** A true store whose appends can be held back, and of which some can be made to fail as a full disk would. */
export interface Trial extends Store {
  hold(): void;
  letGo(): void;
  /** Fails the appends for which this says so; the store's own law refuses what was sent behind them. */
  failWhen(when: (request: Append) => boolean): void;
  /** How often it was read. */
  readonly reads: number;
}

export function trialStore(inner: Store = memoryStore()): Trial {
  let gate: PromiseWithResolvers<void> | undefined;
  let fails: (request: Append) => boolean = () => false;
  let reads = 0;
  return {
    ...inner,
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    get reads() {
      return reads;
    },
    hold: () => {
      gate ??= Promise.withResolvers();
    },
    letGo: () => {
      gate?.resolve();
      gate = undefined;
    },
    failWhen: (when) => {
      fails = when;
    },
    async append(request) {
      await gate?.promise;
      const failing = fails(request);
      try {
        // Refused by the store itself, so that whatever was sent behind it is refused as well.
        return await inner.append(failing ? { ...request, expected: -1 } : request);
      } catch (cause) {
        throw failing ? new Fault("store.full", { detail: "The disk is full.", cause }) : cause;
      }
    },
    read(...request) {
      reads += 1;
      return inner.read(...request);
    },
  };
}

export const openLog = (store: Store = memoryStore(), last = 0): Log =>
  new Log({ store, clock: systemClock, subject, last });

export const entry = (n: number, size = 0): string => JSON.stringify({ n, pad: "x".repeat(size) });
export const entries = (count: number, from = 1): string[] =>
  Array.from({ length: count }, (_, at) => entry(from + at));
export const expected = (count: number, after = 0): Entry[] =>
  Array.from({ length: count - after }, (_, at) => ({ cursor: after + at + 1, text: entry(after + at + 1) }));

export async function breathe(times = 1): Promise<void> {
  for (let at = 0; at < times; at++) await breath();
}

/** Everything a follower is told, until its end. */
export async function toEnd(steps: AsyncIterable<FollowStep>): Promise<readonly FollowStep[]> {
  const all: FollowStep[] = [];
  for await (const step of steps) all.push(step);
  return all;
}

export const entriesOf = (steps: readonly FollowStep[]): readonly Entry[] =>
  steps.flatMap((step) => (step.kind === "chunk" ? step.entries : []));
