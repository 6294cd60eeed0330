/** The part of the law of stores that chance writes: whatever is asked, a store answers as the reference does. */
import { type FaultCode, isFault } from "@corral/protocol";
import { expect, test } from "vitest";
import { manualClock } from "./clock.reference.ts";
import { memoryStore } from "./store.reference.ts";
import type { Append, Store } from "./store.ts";

/** Opens an empty store that shares nothing with the ones opened before. */
export type OpenStore = () => Promise<Store>;

/** Closes a store and opens what it kept; absent where a store keeps nothing beyond its process. */
export type ReopenStore = (store: Store) => Promise<Store>;

/** What became of a call, so that outcomes can be compared and never go unhandled. */
export async function outcome<T>(call: Promise<T>): Promise<{ value: T } | { code: FaultCode }> {
  try {
    return { value: await call };
  } catch (error) {
    if (isFault(error)) return { code: error.code };
    throw error;
  }
}

/** Everything that a log holds. */
export async function texts(store: Store, subject: string): Promise<readonly string[]> {
  const { items } = await store.read(subject, { after: 0, limit: 1_000_000 });
  return items.map(({ text }) => text);
}

type Operation = (store: Store) => Promise<unknown>;

/** One operation out of everything a store can do, on few subjects and keys, so that they get in each other's way. */
async function anyOperation(below: (end: number) => number, model: Store): Promise<Operation> {
  const subject = `s${below(4)}`;
  const last = (await model.head(subject))?.last ?? 0;
  const key = `k${below(40)}`;
  const at = `2026-01-0${1 + below(9)}T00:00:00.000Z`;
  const request: Append = {
    subject,
    expected: below(5) === 0 ? below(last + 3) : last,
    entries: Array.from({ length: below(5) }, () => "é".repeat(below(40))),
    ...(below(4) === 0 ? { snapshot: `at ${last}` } : {}),
    ...(below(4) === 0 ? { receipt: { key, text: subject, at } } : {}),
  };
  const page = { after: below(last + 3), limit: below(8), ...(below(2) === 0 ? { maxBytes: below(200) } : {}) };
  const upTo = below(last + 2);
  const list = { prefix: below(2) === 0 ? "s" : subject, limit: below(6), ...(below(2) === 0 ? { below: "s2" } : {}) };
  const choices: readonly Operation[] = [
    (store) => store.read(subject, page),
    (store) => store.head(subject),
    (store) => store.subjects(list),
    (store) => store.receipt(key),
    (store) => store.trim(subject, upTo),
    ...(below(6) === 0 ? [(store: Store) => store.remove(subject), (store: Store) => store.forgetReceipts(at)] : []),
  ];
  const append: Operation = (store) => store.append(request);
  return below(2) === 0 ? append : (choices[below(choices.length)] ?? append);
}

export function agreement(open: OpenStore, reopen: ReopenStore | undefined): void {
  test.each([1, 2, 3])("500 operations of seed %i answer as the reference does", async (seed) => {
    const clock = manualClock({ seed });
    // The high bits of the generator; its low ones repeat too soon.
    const below = (end: number): number => {
      const [high = 0, low = 0] = clock.chance(2);
      return (high * 256 + low) % end;
    };
    const model = memoryStore();
    let store = await open();
    for (let step = 1; step <= 500; step += 1) {
      const operation = await anyOperation(below, model);
      const [ours, theirs] = await Promise.all([outcome(operation(store)), outcome(operation(model))]);
      expect(ours, `operation ${step} of seed ${seed}`).toEqual(theirs);
      if (reopen && step % 125 === 0) store = await reopen(store);
    }
    const all = await store.subjects({ limit: 9 });
    expect(all).toEqual(await model.subjects({ limit: 9 }));
    for (const { subject } of all) expect(await texts(store, subject)).toEqual(await texts(model, subject));
    await store[Symbol.asyncDispose]();
  });
}
