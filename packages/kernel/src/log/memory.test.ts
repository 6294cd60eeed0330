/** A long log with many followers stays in bounded memory: what is held is one chunk for each, and the ring. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import type { Entry, Store } from "../ports/store.ts";
import { breathe, openLog } from "./log.fixture.ts";

const total = 200_000;
const textOf = (cursor: number): string => `{"cursor":${cursor},"pad":"${"x".repeat(200)}"}`;

/** Keeps nothing but a number, and makes every entry up again when it is read: all memory that grows is the log's own. */
function endlessStore(): Pick<Store, "append" | "read"> {
  let last = 0;
  return {
    append: async ({ entries }) => {
      last += entries.length;
      return last;
    },
    read: async (_subject, { after, limit }) => {
      const count = Math.max(0, Math.min(limit, last - after));
      const items: Entry[] = Array.from({ length: count }, (_, at) => ({
        cursor: after + at + 1,
        text: textOf(after + at + 1),
      }));
      return { items, first: 1, last };
    },
  };
}

setFlagsFromString("--expose_gc");
const collect: () => void = runInNewContext("gc");
const heldMb = (): number => {
  collect();
  return process.memoryUsage().heapUsed / 1024 / 1024;
};

test("200,000 appended entries and eight followers, some of them stuck, stay within 32 MB", async () => {
  const log = openLog(endlessStore() as Store);
  const stop = new AbortController();
  const heard = Array.from({ length: 8 }, () => 0);
  const gate = Promise.withResolvers<void>();
  const following = heard.map(async (_, at) => {
    for await (const step of log.follow(0, stop)) {
      if (step.kind !== "chunk") break;
      for (const { cursor, text } of step.entries) {
        if (cursor !== heard[at]! + 1 || text.length < 200) throw new Error(`follower ${at} is out of step`);
        heard[at] = cursor;
      }
      if (at >= 6) await gate.promise;
    }
  });
  const before = heldMb();
  let most = 0;
  for (let written = 0; written < total; written += 100) {
    const posted = Array.from({ length: 10 }, () => {
      const from = log.next;
      return log.append(Array.from({ length: 10 }, (_, at) => textOf(from + at)));
    });
    await Promise.all(posted);
    if (written % 20_000 === 0) {
      await breathe(3);
      most = Math.max(most, heldMb() - before);
    }
  }
  expect(most).toBeLessThan(32);
  expect(heard[7]).toBeLessThan(total);
  gate.resolve();
  log.end("session.closed");
  await Promise.all(following);
  expect(heard).toEqual(heard.map(() => total));
  expect(log.followers).toBe(0);
  expect(heldMb() - before).toBeLessThan(32);
});
