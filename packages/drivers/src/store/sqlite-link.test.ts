/** What is written here and is not on the disk yet: when it is brought there, together with what, and what if the disk fails. */
import { type Clock, manualClock, systemClock } from "@corral/kernel";
import { isFault } from "@corral/protocol";
import { expect, test } from "vitest";
import { Link } from "./sqlite-link.ts";
import type { Near } from "./sqlite-near.ts";
import type { Write } from "./sqlite-wire.ts";

/** A link whose writes are all taken here, and which never needs its thread. */
function open(clock: Clock = systemClock, over: Partial<Near> = {}) {
  const told: string[] = [];
  let last = 0;
  const near: Near = {
    write: (group) => group.map((one) => (isStale(one) ? { code: "store.conflict", detail: "It is stale." } : ++last)),
    flush: () => void told.push("flush"),
    tookElsewhere: () => undefined,
    close: () => void told.push("close"),
    ...over,
  };
  const url = new URL("file:///nowhere.js");
  const link = new Link({ url, worker: { file: "/nowhere" }, near, clock });
  const send = (name: string, patient = false, expected = 0): Promise<unknown> => {
    const write: Write = { subject: "a", expected, entries: [name] };
    const sent = link.send(write, { patient, written: () => void told.push(`${name} written`) });
    return sent.then(
      (cursor) => void told.push(`${name} is ${cursor}`),
      (error: unknown) => error,
    );
  };
  return { link, told, send };
}

const isStale = (one: Write): boolean => "expected" in one && one.expected < 0;

test("what can wait shares its way to the disk with what comes next", async () => {
  const { told, send } = open(manualClock());
  const first = send("first", true);
  await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual(["first written"]);
  await Promise.all([first, send("second")]);
  expect(told).toEqual(["first written", "second written", "flush", "first is 1", "second is 2"]);
});

test("what can wait does so for a moment only", async () => {
  const clock = manualClock();
  const { told, send } = open(clock);
  const first = send("first", true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual(["first written"]);
  clock.advance(2);
  await first;
  expect(told).toEqual(["first written", "flush", "first is 1"]);
});

test("whoever hears that something is written has its say before the disk is waited for", async () => {
  const { told, link } = open();
  let say = (): void => undefined;
  const heard = new Promise<void>((resolve) => {
    say = resolve;
  });
  const later = heard.then(() => undefined).then(() => void told.push("said"));
  await link.send({ subject: "a", expected: 0, entries: ["x"] }, { written: () => say() });
  await later;
  expect(told).toEqual(["said", "flush"]);
});

test("a refusal is told before anything that was sent behind it is written", async () => {
  const { told, send } = open();
  const refused = send("refused", true, -1);
  await new Promise((resolve) => process.nextTick(resolve));
  const behind = send("behind", true, 0);
  for (const error of await Promise.all([refused, behind])) expect(isFault(error, "store.conflict")).toBe(true);
  expect(told).toEqual(["flush"]);
});

test("a disk that fails to keep what was written ends the store, and acknowledges nothing of it", async () => {
  const flush = () => {
    throw new Error("EIO: i/o error, fdatasync");
  };
  const { told, send, link } = open(systemClock, { flush });
  const all = [send("waits", true), send("does not")];
  for (const error of await Promise.all(all)) {
    expect(isFault(error, "store.closed")).toBe(true);
    expect(String(error)).toContain("EIO");
  }
  expect(isFault(await send("later"), "store.closed")).toBe(true);
  expect(isFault(await link.lost, "store.closed")).toBe(true);
  await link.close();
  expect(told).toEqual(["waits written", "does not written", "close"]);
});

test("what could still wait is on the disk before the store closes", async () => {
  const { told, send, link } = open(manualClock());
  const first = send("first", true);
  await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([first, link.close()]);
  expect(told).toEqual(["first written", "flush", "close", "first is 1"]);
});
