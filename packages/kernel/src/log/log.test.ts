/** The writer's side of a log: order, durability, and what happens when the disk says no. */
import { isFault } from "@corral/protocol";
import { expect, test } from "vitest";
import { memoryStore } from "../ports/store.reference.ts";
import { breathe, entries, entriesOf, entry, expected, openLog, subject, toEnd, trialStore } from "./log.fixture.ts";

const outcomes = async (appends: readonly Promise<void>[]): Promise<readonly string[]> =>
  (await Promise.allSettled(appends)).map((one) =>
    one.status === "fulfilled" ? "kept" : isFault(one.reason) ? one.reason.code : String(one.reason),
  );

test("a page shows nothing whose cursor would be refused, also when the disk is ahead of its word (invariant 4)", async () => {
  const inner = memoryStore();
  const word = Promise.withResolvers<void>();
  const append: typeof inner.append = async (request) => {
    const last = await inner.append(request);
    if (last > 2) await word.promise;
    return last;
  };
  const log = openLog({ ...inner, append, [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose]() });
  await log.append(entries(2));
  const third = log.append(entries(1, 3));
  while ((await inner.head(subject))?.last !== 3) await breathe();
  expect(await log.read({ after: 0, limit: 10 })).toMatchObject({ items: expected(2), last: 2 });
  word.resolve();
  await third;
  expect(await log.read({ after: 0, limit: 10 })).toMatchObject({ items: expected(3), last: 3 });
});

test("an append is durable before it is acknowledged, and told to nobody before (invariant 4)", async () => {
  const store = trialStore();
  const log = openLog(store);
  const stop = new AbortController();
  const heard: number[] = [];
  const listening = (async () => {
    for await (const step of log.follow(0, stop)) {
      if (step.kind !== "chunk") continue;
      const { last } = await store.read(subject, { after: 0, limit: 1 });
      for (const { cursor } of step.entries) {
        expect(cursor).toBeLessThanOrEqual(last);
        heard.push(cursor);
      }
    }
  })();
  store.hold();
  const append = log.append(entries(3));
  await breathe(5);
  expect([log.last, log.next, log.pending, heard.length]).toEqual([0, 4, 1, 0]);
  store.letGo();
  await append;
  expect((await store.head(subject))?.last).toBe(3);
  expect(log.last).toBe(3);
  while (heard.length < 3) await breathe();
  stop.abort();
  await listening;
  expect(heard).toEqual([1, 2, 3]);
});

test("appends that are posted without waiting are kept in their order (invariant 2)", async () => {
  const store = memoryStore();
  const log = openLog(store);
  await Promise.all(entries(500).map((text) => log.append([text])));
  const { items } = await store.read(subject, { after: 0, limit: 1000 });
  expect(items).toEqual(expected(500));
  expect([log.last, log.next, log.pending]).toEqual([500, 501, 0]);
});

test("when one append fails so do those behind it, and the log goes on from what is on the disk", async () => {
  const store = trialStore();
  const log = openLog(store);
  store.failWhen(({ entries }) => entries.includes(entry(3)));
  const posted = entries(5).map((text) => log.append([text]));
  const drained = log.drained;
  expect(await outcomes(posted)).toEqual(["kept", "kept", "store.full", "store.full", "store.full"]);
  await drained;
  expect([log.last, log.next, log.pending]).toEqual([2, 3, 0]);
  store.failWhen(() => false);
  await Promise.all(entries(3, 3).map((text) => log.append([text])));
  const { items } = await store.read(subject, { after: 0, limit: 10 });
  expect(items).toEqual(expected(5));
});

test("while a failure is not settled nothing new is posted", async () => {
  const store = trialStore();
  const log = openLog(store);
  store.failWhen(({ entries }) => entries.includes(entry(1)));
  const first = log.append([entry(1)]);
  store.hold();
  const second = log.append([entry(2)]);
  await expect(first).rejects.toMatchObject({ code: "store.full" });
  const third = log.append([entry(3)]);
  await expect(third).rejects.toMatchObject({ code: "store.full" });
  expect(log.pending).toBe(1);
  store.letGo();
  await expect(second).rejects.toMatchObject({ code: "store.full" });
  await log.append([entry(1)].map(() => entry(9)));
  expect((await store.read(subject, { after: 0, limit: 10 })).items).toEqual([{ cursor: 1, text: entry(9) }]);
});

test("a disk that fails again and again loses nothing that was acknowledged and tells nothing that was not", async () => {
  const store = trialStore();
  const log = openLog(store);
  const told = toEnd(log.follow(0, new AbortController()));
  let calls = 0;
  store.failWhen(() => ++calls % 7 === 0);
  const kept: string[] = [];
  for (let round = 0; round < 30; round++) {
    const posted = entries(5, round * 10).map(async (text) => {
      await log.append([text]);
      kept.push(text);
    });
    await Promise.allSettled(posted);
    if (round % 3 === 0) await breathe();
  }
  log.end("daemon.stopping");
  const { items } = await store.read(subject, { after: 0, limit: 1000 });
  expect(items.map(({ text }) => text)).toEqual(kept);
  expect(items.map(({ cursor }) => cursor)).toEqual(kept.map((_, at) => at + 1));
  expect(entriesOf(await told)).toEqual(items);
});

test("a second writer is refused, and both logs stay whole (invariant 2)", async () => {
  const store = memoryStore();
  const [mine, theirs] = [openLog(store), openLog(store)];
  await mine.append(entries(2));
  expect(await outcomes([theirs.append(entries(1)), theirs.append(entries(1))])).toEqual([
    "store.conflict",
    "store.conflict",
  ]);
  await mine.append([entry(3)]);
  expect((await store.read(subject, { after: 0, limit: 10 })).items).toEqual(expected(3));
});

test("a receipt without entries is kept where the log stands", async () => {
  const store = memoryStore();
  const log = openLog(store);
  const receipt = { key: "k", text: "{}", at: "2026-01-01T00:00:00.000Z" };
  await Promise.all([log.append(entries(1)), log.append([], { receipt }), log.append([entry(2)])]);
  expect(await store.receipt("k")).toEqual(receipt);
  expect(log.last).toBe(2);
});
