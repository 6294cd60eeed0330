/** The readers' side of a log: the past, then the present, for each at its own pace. */
import { getEventListeners } from "node:events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { memoryStore } from "../ports/store.reference.ts";
import type { Chunk, FollowStep } from "./chunk.ts";
import { breathe, entries, entriesOf, entry, expected, openLog, subject, toEnd, trialStore } from "./log.fixture.ts";
import { createRing } from "./ring.ts";

const never = () => new AbortController();

test("every follower hears the whole log after its cursor, whenever it starts and however slow it is", async () => {
  const follower = fc.record({
    after: fc.nat(),
    startsAt: fc.nat({ max: 20 }),
    pauses: fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 5 }),
  });
  const batches = fc.array(fc.record({ count: fc.integer({ min: 1, max: 40 }), breaths: fc.nat({ max: 2 }) }), {
    minLength: 1,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(batches, fc.array(follower, { minLength: 1, maxLength: 8 }), async (writes, readers) => {
      const log = openLog(memoryStore());
      const results: Promise<void>[] = [];
      const listen = async ({ after, pauses }: (typeof readers)[number]): Promise<void> => {
        const from = after % (log.last + 1);
        const heard: FollowStep[] = [];
        for await (const step of log.follow(from, never())) {
          heard.push(step);
          await breathe(pauses[heard.length % pauses.length]);
        }
        expect(heard.at(-1)).toEqual({ kind: "end", reason: "session.closed" });
        expect(entriesOf(heard)).toEqual(expected(log.last, from));
      };
      for (const [at, { count, breaths }] of writes.entries()) {
        for (const reader of readers) if (reader.startsAt % writes.length === at) results.push(listen(reader));
        await log.append(entries(count, log.next));
        await breathe(breaths);
      }
      log.end("session.closed");
      await Promise.all(results);
      expect(log.followers).toBe(0);
    }),
    { numRuns: 60, seed: 20_261_120 },
  );
});

test("a live chunk is one object for all who listen", async () => {
  const log = openLog();
  const heard: Chunk[][] = [[], [], []];
  const listening = heard.map(async (mine) => {
    for await (const step of log.follow(0, never())) if (step.kind === "chunk") mine.push(step);
  });
  await breathe();
  for (let at = 1; at <= 5; at++) {
    await Promise.all(entries(3, log.next).map((text) => log.append([text])));
    await breathe(2);
  }
  log.end("session.closed");
  await Promise.all(listening);
  expect(heard[0]).toHaveLength(5);
  for (const [at, chunk] of heard[0]!.entries()) {
    expect(chunk.entries).toHaveLength(3);
    expect(heard[1]![at]).toBe(chunk);
    expect(heard[2]![at]).toBe(chunk);
  }
});

test("the end comes after everything that was committed in the same breath", async () => {
  const log = openLog();
  const told = toEnd(log.follow(0, never()));
  await breathe();
  await log.append(entries(2));
  log.end("session.closed");
  expect(await told).toEqual([
    { kind: "chunk", entries: expected(2) },
    { kind: "end", reason: "session.closed" },
  ]);
  expect(log.ended).toBe("session.closed");
});

test.each(["session.closed", "session.removed", "daemon.stopping"] as const)(
  "%s is told as the reason of the end",
  async (reason) => {
    const log = openLog();
    await log.append(entries(1));
    const told = toEnd(log.follow(1, never()));
    log.end(reason);
    log.end("session.closed");
    expect(await told).toEqual([{ kind: "end", reason }]);
    expect(await toEnd(log.follow(0, never()))).toEqual([
      { kind: "chunk", entries: expected(1) },
      { kind: "end", reason },
    ]);
  },
);

test("one who was still behind when a session is removed is told the end, and no damage", async () => {
  const store = memoryStore();
  const log = openLog(store);
  await log.append(entries(3));
  await breathe();
  const steps = log.follow(1, never());
  log.end("session.removed");
  await store.remove(subject);
  expect(await toEnd(steps)).toEqual([{ kind: "end", reason: "session.removed" }]);
});

test("a hole in a log that has not ended is damage, and said to be", async () => {
  const store = memoryStore();
  const log = openLog(store);
  await log.append(entries(3));
  await breathe();
  await store.remove(subject);
  await expect(toEnd(log.follow(1, never()))).rejects.toMatchObject({ code: "store.damaged" });
});

test("one whose place was trimmed is told so exactly once, and goes on from the first that is left", async () => {
  const store = memoryStore();
  const log = openLog(store);
  await log.append(entries(10));
  await breathe();
  await store.trim(subject, 6);
  log.end("session.closed");
  expect(await toEnd(log.follow(2, never()))).toEqual([
    { kind: "resync", after: 2, first: 7 },
    { kind: "chunk", entries: expected(10, 6) },
    { kind: "end", reason: "session.closed" },
  ]);
  expect((await toEnd(log.follow(6, never())))[0]).toEqual({ kind: "chunk", entries: expected(10, 6) });
});

test("when everything was trimmed a follower goes on with what comes", async () => {
  const store = memoryStore();
  const log = openLog(store);
  await log.append(entries(4));
  await breathe();
  await store.trim(subject, 4);
  const told = toEnd(log.follow(0, never()));
  await breathe(3);
  await log.append([entry(5)]);
  log.end("session.closed");
  expect((await told).map(({ kind }) => kind)).toEqual(["resync", "chunk", "end"]);
  expect(entriesOf(await told)).toEqual(expected(5, 4));
});

test("a cursor beyond the end is refused with where the end is", async () => {
  const log = openLog();
  await log.append(entries(2));
  await expect(log.follow(3, never()).next()).rejects.toMatchObject({ code: "cursor.ahead", more: { last: 2 } });
  expect(log.followers).toBe(0);
});

test("one who leaves is let go at once and leaves nothing behind", async () => {
  const log = openLog();
  const stops = [never(), never()];
  const told = stops.map((stop) => toEnd(log.follow(0, stop)));
  await breathe();
  expect(log.followers).toBe(2);
  stops[0]!.abort();
  expect(await told[0]).toEqual([]);
  expect(log.followers).toBe(1);
  for (const { signal } of stops) expect(getEventListeners(signal, "abort")).toHaveLength(signal.aborted ? 0 : 1);
  await log.append(entries(1));
  log.end("session.closed");
  expect(entriesOf(await told[1]!)).toEqual(expected(1));
  expect(getEventListeners(stops[1]!.signal, "abort")).toHaveLength(0);
});

test("one who leaves while the disk is read is told nothing more", async () => {
  const log = openLog();
  await log.append(entries(2));
  await breathe();
  const stop = never();
  const told = toEnd(log.follow(0, stop));
  stop.abort();
  expect(await told).toEqual([]);
  expect(await toEnd(log.follow(0, { signal: AbortSignal.abort() }))).toEqual([]);
  expect(log.followers).toBe(0);
});

test("a wait for news ends with news, with the log, or with its signal, and leaves no listener", async () => {
  const log = openLog();
  const stop = never();
  const waits = [log.arrival(0, never()), log.arrival(1, never()), log.arrival(5, stop)];
  await log.append(entries(1));
  await waits[0];
  await log.append([entry(2)]);
  await waits[1];
  stop.abort();
  await waits[2];
  expect(getEventListeners(stop.signal, "abort")).toHaveLength(0);
  const last = log.arrival(99, never());
  log.end("daemon.stopping");
  await last;
});

test("a slow follower holds up nobody, and reads what it missed from the store", async () => {
  const store = trialStore();
  const log = openLog(store);
  const slow = log.follow(0, never());
  let fast = 0;
  const racing = (async () => {
    for await (const step of log.follow(0, never())) if (step.kind === "chunk") fast += step.entries.length;
  })();
  await log.append([entry(1)]);
  await breathe();
  const first = await slow.next();
  for (let round = 0; round < 40; round++) {
    await log.append([JSON.stringify({ n: round, pad: "x".repeat(64 * 1024) })]);
    await breathe();
  }
  while (fast < 41) await breathe();
  const readsBefore = store.reads;
  log.end("session.closed");
  await racing;
  const rest = [first.value as FollowStep, ...(await toEnd(slow))];
  expect(store.reads).toBeGreaterThan(readsBefore);
  expect(entriesOf(rest).map(({ cursor }) => cursor)).toEqual(Array.from({ length: 41 }, (_, at) => at + 1));
});

test("the ring keeps the newest chunks within its bound, and nothing while nobody listens", () => {
  const ring = createRing();
  const chunkOf = (cursor: number, size: number) => [{ cursor, text: "x".repeat(size) }];
  for (let cursor = 1; cursor <= 100; cursor++) ring.push(chunkOf(cursor, 50_000));
  expect(ring.after(0)).toBeUndefined();
  expect(ring.after(89)).toBeUndefined();
  for (let at = 90; at < 100; at++) expect(ring.after(at)?.entries[0]?.cursor).toBe(at + 1);
  expect(ring.after(100)).toBeUndefined();
  ring.push(chunkOf(101, 5_000_000));
  expect(ring.after(99)).toBeUndefined();
  expect(ring.after(100)?.entries).toHaveLength(1);
  ring.clear();
  expect(ring.after(100)).toBeUndefined();
});

test("inside a chunk a follower is given the rest of it", () => {
  const ring = createRing();
  ring.push(expected(10));
  expect(ring.after(4)?.entries).toEqual(expected(10, 4));
  expect(ring.after(0)).toBe(ring.after(0));
});
