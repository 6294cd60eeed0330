/** The law of stores: every sentence of the port as a test, to be run for each store that there is. */
import { describe, expect, test } from "vitest";
import type { Append } from "./store.ts";
import { agreement, type OpenStore, outcome, type ReopenStore, texts } from "./store-agreement.conformance.ts";

const conflict = { code: "store.conflict" };
const closed = { code: "store.closed" };
const receipt = (key: string, at = "2026-01-01T00:00:00.000Z") => ({ key, text: `{"answer":"${key}"}`, at });
const numbered = (count: number, from = 1): string[] => Array.from({ length: count }, (_, at) => `{"n":${from + at}}`);

function appending(open: OpenStore): void {
  test("cursors are dense and start at one (invariant 2)", async () => {
    await using store = await open();
    expect(await store.append({ subject: "a", expected: 0, entries: numbered(3) })).toBe(3);
    expect(await store.append({ subject: "a", expected: 3, entries: numbered(2, 4) })).toBe(5);
    expect(await store.append({ subject: "b", expected: 0, entries: ["{}"] })).toBe(1);
    const { items, first, last } = await store.read("a", { after: 0, limit: 10 });
    expect(items).toEqual(numbered(5).map((text, at) => ({ cursor: at + 1, text })));
    expect([first, last]).toEqual([1, 5]);
  });

  test("a writer that does not know the last cursor is refused and changes nothing", async () => {
    await using store = await open();
    await store.append({ subject: "a", expected: 0, entries: numbered(2) });
    for (const expected of [0, 1, 3, -1, Number.NaN]) {
      expect(await outcome(store.append({ subject: "a", expected, entries: ["{}"], snapshot: "s" }))).toEqual(conflict);
    }
    expect(await outcome(store.append({ subject: "new", expected: 1, entries: ["{}"] }))).toEqual(conflict);
    expect(await store.head("a")).toEqual({ subject: "a", first: 1, last: 2 });
    expect(await store.head("new")).toBeUndefined();
  });

  test("appends that do not wait for each other keep their order", async () => {
    await using store = await open();
    const calls = numbered(50).map((text, at) => store.append({ subject: "a", expected: at, entries: [text] }));
    expect(await Promise.all(calls)).toEqual(calls.map((_, at) => at + 1));
    expect(await texts(store, "a")).toEqual(numbered(50));
  });

  test("appends sent behind a refused one are refused too, even when their cursor happens to fit", async () => {
    await using store = await open();
    await store.append({ subject: "a", expected: 0, entries: numbered(3) });
    const refused = [
      store.append({ subject: "a", expected: 1, entries: ["lost 1", "lost 2"] }),
      store.append({ subject: "a", expected: 3, entries: ["stands on what was lost"] }),
      store.append({ subject: "a", expected: 4, entries: ["this too"] }),
    ];
    const other = store.append({ subject: "b", expected: 0, entries: ["another log"] });
    expect(await Promise.all(refused.map(outcome))).toEqual([conflict, conflict, conflict]);
    expect(await other).toBe(1);
    expect(await texts(store, "a")).toEqual(numbered(3));
    expect(await store.append({ subject: "a", expected: 3, entries: ["again"] })).toBe(4);
  });

  test("of two writers at one cursor exactly one appends", async () => {
    await using store = await open();
    const both = ["one", "two"].map((text) => store.append({ subject: "a", expected: 0, entries: [text] }));
    expect(await Promise.all(both.map(outcome))).toEqual([{ value: 1 }, conflict]);
    expect(await texts(store, "a")).toEqual(["one"]);
  });

  test("what is written is told once, before its append resolves, and nothing is told of what is refused", async () => {
    await using store = await open();
    const told: string[] = [];
    const append = (expected: number) => {
      const written = () => void told.push(`written ${expected}`);
      const request = { subject: "a", expected, entries: ["{}"], written, patient: expected % 2 === 0 };
      return outcome(store.append(request)).then((result) => {
        told.push(`over ${expected}`);
        return result;
      });
    };
    for (let last = 0; last < 60; last += 2) {
      told.length = 0;
      expect(await Promise.all([append(last), append(last + 1)])).toEqual([{ value: last + 1 }, { value: last + 2 }]);
      for (const one of [last, last + 1]) {
        expect(told.filter((words) => words.endsWith(` ${one}`))).toEqual([`written ${one}`, `over ${one}`]);
      }
    }
    told.length = 0;
    expect(await append(7)).toEqual(conflict);
    expect(told).toEqual(["over 7"]);
  });

  test("an append that can wait is not forgotten when nothing comes after it", async () => {
    await using store = await open();
    for (let last = 0; last < 60; last += 1) {
      expect(await store.append({ subject: "a", expected: last, entries: ["{}"], patient: true })).toBe(last + 1);
    }
  });

  test("text comes back byte for byte: unicode, control characters, 1 MiB", async () => {
    await using store = await open();
    const entries = [
      '{"t":"é漢字👩‍👩‍👧\\u0000"}',
      "a\u0000b\r\n\t\u2028\u{10FFFF}",
      "",
      " ",
      `"${"x👋é".repeat(150_000)}"`,
    ];
    await store.append({ subject: "größe/👋", expected: 0, entries, snapshot: entries[4] ?? "" });
    expect(await texts(store, "größe/👋")).toEqual(entries);
    expect((await store.head("größe/👋"))?.snapshot).toEqual({ cursor: 5, text: entries[4] });
  });

  test("an append of many entries is kept as one", async () => {
    await using store = await open();
    expect(await store.append({ subject: "a", expected: 0, entries: numbered(20_000) })).toBe(20_000);
    expect(await texts(store, "a")).toEqual(numbered(20_000));
  });
}

function reading(open: OpenStore): void {
  test("a page has the entries after a cursor, oldest first, up to its limit", async () => {
    await using store = await open();
    await store.append({ subject: "a", expected: 0, entries: numbered(10) });
    const cursors = async (after: number, limit: number) =>
      (await store.read("a", { after, limit })).items.map(({ cursor }) => cursor);
    expect(await cursors(0, 3)).toEqual([1, 2, 3]);
    expect(await cursors(3, 3)).toEqual([4, 5, 6]);
    expect(await cursors(8, 100)).toEqual([9, 10]);
    expect(await cursors(-5, 2)).toEqual([1, 2]);
    expect(await cursors(8, Number.POSITIVE_INFINITY)).toEqual([9, 10]);
    for (const after of [10, 11, 1e9]) expect(await cursors(after, 5)).toEqual([]);
    expect(await cursors(0, 0)).toEqual([]);
  });

  test("a page ends before its bytes are too many, but never before its first entry", async () => {
    await using store = await open();
    await store.append({ subject: "a", expected: 0, entries: ["é".repeat(50), "x".repeat(100), "y".repeat(100)] });
    const count = async (after: number, maxBytes: number) =>
      (await store.read("a", { after, limit: 10, maxBytes })).items.length;
    expect([await count(0, 1), await count(0, 199), await count(0, 200), await count(0, 300)]).toEqual([1, 1, 2, 3]);
    expect(await count(2, 0)).toBe(1);
    expect(await count(3, 1)).toBe(0);
  });

  test("an unknown subject is an empty page and has no head", async () => {
    await using store = await open();
    expect(await store.read("nobody", { after: 0, limit: 5 })).toEqual({ items: [], first: 1, last: 0 });
    expect(await store.head("nobody")).toBeUndefined();
  });

  test("an acknowledged append is seen by every read after it", async () => {
    await using store = await open();
    for (let last = 0; last < 100; last += 1) {
      await store.append({ subject: "a", expected: last, entries: ["{}"] });
      expect((await store.head("a"))?.last).toBe(last + 1);
      expect((await store.read("a", { after: last, limit: 5 })).items).toEqual([{ cursor: last + 1, text: "{}" }]);
    }
  });
}

function snapshots(open: OpenStore): void {
  test("a snapshot stands at the last of the entries that it came with, and the newest one counts", async () => {
    await using store = await open();
    await store.append({ subject: "a", expected: 0, entries: numbered(2), snapshot: "two" });
    expect(await store.head("a")).toEqual({ subject: "a", first: 1, last: 2, snapshot: { cursor: 2, text: "two" } });
    await store.append({ subject: "a", expected: 2, entries: numbered(3) });
    expect((await store.head("a"))?.snapshot).toEqual({ cursor: 2, text: "two" });
    await store.append({ subject: "a", expected: 5, entries: ["{}"], snapshot: "" });
    expect(await store.head("a")).toEqual({ subject: "a", first: 1, last: 6, snapshot: { cursor: 6, text: "" } });
  });

  test("a snapshot or a receipt can be kept without an entry", async () => {
    await using store = await open();
    await store.append({ subject: "a", expected: 0, entries: numbered(2) });
    expect(await store.append({ subject: "a", expected: 2, entries: [], snapshot: "s" })).toBe(2);
    expect(await store.append({ subject: "a", expected: 2, entries: [], receipt: receipt("k") })).toBe(2);
    expect(await store.head("a")).toEqual({ subject: "a", first: 1, last: 2, snapshot: { cursor: 2, text: "s" } });
    expect(await store.receipt("k")).toEqual(receipt("k"));
    expect(await outcome(store.append({ subject: "a", expected: 1, entries: [], snapshot: "t" }))).toEqual(conflict);
  });

  test("an append at zero opens its subject even without an entry", async () => {
    await using store = await open();
    expect(await store.append({ subject: "a", expected: 0, entries: [] })).toBe(0);
    expect(await store.head("a")).toEqual({ subject: "a", first: 1, last: 0 });
  });
}

function listing(open: OpenStore): void {
  test("subjects are listed in descending order of their names, by prefix and page by page", async () => {
    await using store = await open();
    const all = ["ses_01", "ses_02", "ses_03", "ses_1", "ses_", "set_1", "se", "ses%", "run_9", "ses_02x"];
    for (const subject of all) await store.append({ subject, expected: 0, entries: ["{}"] });
    const names = async (options: { prefix?: string; below?: string; limit: number }) =>
      (await store.subjects(options)).map(({ subject }) => subject);
    expect(await names({ limit: 100 })).toEqual([...all].sort().reverse());
    const sessions = ["ses_1", "ses_03", "ses_02x", "ses_02", "ses_01", "ses_"];
    expect(await names({ prefix: "ses_", limit: 100 })).toEqual(sessions);
    expect(await names({ prefix: "ses_", limit: 2 })).toEqual(sessions.slice(0, 2));
    expect(await names({ prefix: "ses_", below: "ses_03", limit: 2 })).toEqual(sessions.slice(2, 4));
    expect(await names({ prefix: "ses_", below: "ses_", limit: 2 })).toEqual([]);
    expect(await names({ below: "run_9", limit: 2 })).toEqual([]);
    expect(await names({ prefix: "nothing", limit: 2 })).toEqual([]);
    expect(await names({ limit: 0 })).toEqual([]);
  });

  test("a listed subject has its whole head, and names beyond ASCII are ordered by their bytes", async () => {
    await using store = await open();
    for (const subject of ["x\u{1F44B}", "x\uFF5E", "xé"]) {
      await store.append({ subject, expected: 0, entries: numbered(3), snapshot: subject });
      await store.trim(subject, 1);
    }
    const head = (subject: string) => ({ subject, first: 2, last: 3, snapshot: { cursor: 3, text: subject } });
    expect(await store.subjects({ limit: 9 })).toEqual(["x\u{1F44B}", "x\uFF5E", "xé"].map(head));
  });
}

function receipts(open: OpenStore): void {
  test("a receipt is kept with its entries or not at all, once in the whole store", async () => {
    await using store = await open();
    await store.append({ subject: "a", expected: 0, entries: ["{}"], receipt: receipt("k1") });
    expect(await store.receipt("k1")).toEqual(receipt("k1"));
    const again: Append = { subject: "b", expected: 0, entries: ["{}"], snapshot: "s", receipt: receipt("k1", "2027") };
    expect(await outcome(store.append(again))).toEqual(conflict);
    expect(await store.head("b")).toBeUndefined();
    expect(await store.receipt("k1")).toEqual(receipt("k1"));
    const stale: Append = { subject: "a", expected: 0, entries: ["{}"], receipt: receipt("k2") };
    expect(await outcome(store.append(stale))).toEqual(conflict);
    expect(await store.receipt("k2")).toBeUndefined();
  });

  test("of two requests under one key that arrive together one is kept", async () => {
    await using store = await open();
    const both = ["a", "b"].map((subject) =>
      store.append({ subject, expected: 0, entries: ["{}"], receipt: receipt("k") }),
    );
    expect(await Promise.all(both.map(outcome))).toEqual([{ value: 1 }, conflict]);
    expect(await store.head("b")).toBeUndefined();
  });

  test("receipts are forgotten by age only", async () => {
    await using store = await open();
    const ages = ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", "2026-01-03T00:00:00.000Z"];
    for (const [expected, at] of ages.entries()) {
      await store.append({ subject: "a", expected, entries: ["{}"], receipt: receipt(`k${expected}`, at) });
    }
    await store.remove("a");
    expect(await store.receipt("k0")).toEqual(receipt("k0", ages[0]));
    expect(await store.forgetReceipts("2026-01-02T00:00:00.000Z")).toBe(1);
    expect(await store.forgetReceipts("2026-01-02T00:00:00.000Z")).toBe(0);
    expect(await store.receipt("k0")).toBeUndefined();
    expect(await store.receipt("k1")).toEqual(receipt("k1", ages[1]));
    expect(await store.append({ subject: "b", expected: 0, entries: [], receipt: receipt("k0") })).toBe(0);
  });
}

function dropping(open: OpenStore): void {
  test("a trimmed log keeps its cursors and shows its hole", async () => {
    await using store = await open();
    await store.append({ subject: "a", expected: 0, entries: numbered(10), snapshot: "ten" });
    for (const upTo of [4, 4, 2, 0, -1]) await store.trim("a", upTo);
    const { items, first, last } = await store.read("a", { after: 1, limit: 2 });
    expect({ first, last, cursors: items.map(({ cursor }) => cursor) }).toEqual({
      first: 5,
      last: 10,
      cursors: [5, 6],
    });
    expect((await store.read("a", { after: 7, limit: 1 })).items).toEqual([{ cursor: 8, text: '{"n":8}' }]);
    expect(await store.append({ subject: "a", expected: 10, entries: ["{}"] })).toBe(11);
    await store.trim("a", 1_000);
    const head = { subject: "a", first: 12, last: 11, snapshot: { cursor: 10, text: "ten" } };
    expect(await store.head("a")).toEqual(head);
    expect(await store.read("a", { after: 0, limit: 5 })).toEqual({ items: [], first: 12, last: 11 });
    expect(await store.append({ subject: "a", expected: 11, entries: ["{}"] })).toBe(12);
    await store.trim("nobody", 5);
    expect(await store.head("nobody")).toBeUndefined();
  });

  test("a removed subject is gone, and one of the same name starts at one", async () => {
    await using store = await open();
    await store.append({ subject: "a", expected: 0, entries: numbered(3), snapshot: "s" });
    await store.append({ subject: "ab", expected: 0, entries: numbered(3) });
    await store.remove("a");
    await store.remove("a");
    await store.remove("nobody");
    expect(await store.head("a")).toBeUndefined();
    expect(await store.read("a", { after: 0, limit: 5 })).toEqual({ items: [], first: 1, last: 0 });
    expect(await outcome(store.append({ subject: "a", expected: 3, entries: ["{}"] }))).toEqual(conflict);
    expect(await store.append({ subject: "a", expected: 0, entries: ["anew"] })).toBe(1);
    expect(await store.head("a")).toEqual({ subject: "a", first: 1, last: 1 });
    expect(await texts(store, "a")).toEqual(["anew"]);
    expect(await texts(store, "ab")).toEqual(numbered(3));
  });

  test("writes of every kind that do not wait for each other keep their order", async () => {
    await using store = await open();
    const calls = [
      store.append({ subject: "a", expected: 0, entries: numbered(4) }),
      store.trim("a", 2),
      store.append({ subject: "a", expected: 4, entries: ["{}"] }),
      store.remove("a"),
      store.append({ subject: "a", expected: 0, entries: ["{}", "{}"] }),
      store.trim("a", 1),
    ];
    expect(await Promise.all(calls)).toEqual([4, undefined, 5, undefined, 2, undefined]);
    expect(await store.head("a")).toEqual({ subject: "a", first: 2, last: 2 });
  });
}

function closing(open: OpenStore): void {
  test("a closed store refuses everything", async () => {
    const store = await open();
    await store.append({ subject: "a", expected: 0, entries: ["{}"] });
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    const calls: readonly Promise<unknown>[] = [
      store.append({ subject: "a", expected: 1, entries: ["{}"] }),
      store.read("a", { after: 0, limit: 1 }),
      store.head("a"),
      store.subjects({ limit: 1 }),
      store.receipt("k"),
      store.trim("a", 1),
      store.remove("a"),
      store.forgetReceipts("2027"),
    ];
    for (const call of calls.map(outcome)) expect(await call).toEqual(closed);
  });

  test("what was sent before a store is closed is kept before it closes", async () => {
    const store = await open();
    const calls = numbered(20).map((text, at) => store.append({ subject: "a", expected: at, entries: [text] }));
    const ends = [store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()];
    expect(await Promise.all(calls)).toEqual(calls.map((_, at) => at + 1));
    await Promise.all(ends);
  });
}

function lasting(open: OpenStore, reopen: ReopenStore): void {
  test("what was acknowledged is there after a restart", async () => {
    const before = await open();
    await before.append({ subject: "a", expected: 0, entries: numbered(5), snapshot: "s", receipt: receipt("k") });
    await before.append({ subject: "gone", expected: 0, entries: numbered(5) });
    await before.trim("a", 2);
    await before.remove("gone");
    await using store = await reopen(before);
    expect(await store.subjects({ limit: 9 })).toEqual([
      { subject: "a", first: 3, last: 5, snapshot: { cursor: 5, text: "s" } },
    ]);
    expect(await texts(store, "a")).toEqual(numbered(3, 3));
    expect(await store.receipt("k")).toEqual(receipt("k"));
    expect(await store.append({ subject: "a", expected: 5, entries: ["{}"] })).toBe(6);
  });
}

export function storeConformance(name: string, open: OpenStore, { reopen }: { reopen?: ReopenStore } = {}): void {
  describe(`the ${name} store`, { timeout: 60_000 }, () => {
    appending(open);
    reading(open);
    snapshots(open);
    listing(open);
    receipts(open);
    dropping(open);
    closing(open);
    if (reopen) lasting(open, reopen);
    agreement(open, reopen);
  });
}
