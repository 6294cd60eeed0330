/** The two states of a log: the one that runs ahead with the writer, and the one that is on the disk. */
import { expect, test } from "vitest";
import { memoryStore } from "../ports/store.reference.ts";
import type { Store } from "../ports/store.ts";
import { openLog, subject, trialStore } from "./log.fixture.ts";
import { View } from "./view.ts";

interface Event {
  readonly cursor: number;
  readonly letter: string;
}

/** Folds letters into a word: what is missing, doubled or out of place can be read off it. */
const wordView = (store: Store, state?: string, last = 0): View<string, string, Event> =>
  new View({
    log: openLog(store, last),
    fold: (word, { letter }) => (word ?? "") + letter,
    state,
    place: (letter, cursor) => ({ cursor, letter }),
    marks: ({ letter }) => letter === letter.toUpperCase(),
  });

const onDisk = async (store: Store): Promise<string> =>
  (await store.read(subject, { after: 0, limit: 1000 })).items.map(({ text }) => JSON.parse(text).letter).join("");

test("the state shows what is on the disk while the one ahead shows what was posted (invariant 3)", async () => {
  const store = trialStore();
  const view = wordView(store);
  store.hold();
  const posted = [view.append(["a"]), view.append(["b", "c"])];
  expect([view.state, view.ahead]).toEqual([undefined, "abc"]);
  store.letGo();
  expect(await posted[0]).toEqual([{ cursor: 1, letter: "a" }]);
  expect(await posted[1]).toEqual([
    { cursor: 2, letter: "b" },
    { cursor: 3, letter: "c" },
  ]);
  expect([view.state, view.ahead]).toEqual(["abc", "abc"]);
});

test("what could not be kept is taken back, and the next append stands on what is on the disk", async () => {
  const store = trialStore();
  const view = wordView(store);
  await view.append(["a"]);
  store.failWhen(({ entries }) => entries.some((text) => text.includes("x")));
  const posted = [view.append(["b"]), view.append(["x"]), view.append(["y"])];
  expect(view.ahead).toBe("abxy");
  expect((await Promise.allSettled(posted)).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
  expect([view.state, view.ahead]).toEqual(["ab", "ab"]);
  expect(await view.append(["c"])).toEqual([{ cursor: 3, letter: "c" }]);
  expect([view.state, view.ahead, await onDisk(store)]).toEqual(["abc", "abc", "abc"]);
});

test("whoever posts the moment a failure is settled stands on the disk too", async () => {
  const store = trialStore();
  const view = wordView(store);
  store.failWhen(({ entries }) => entries.some((text) => text.includes("x")));
  const failing = view.append(["x"]);
  const next = view.log.drained.then(() => [view.append(["a"]), view.append(["b"])]);
  await expect(failing).rejects.toMatchObject({ code: "store.full" });
  await Promise.all(await next);
  await view.append(["c"]);
  expect([view.state, view.ahead, await onDisk(store)]).toEqual(["abc", "abc", "abc"]);
});

test("an append that is refused at once leaves no trace in the state ahead", async () => {
  const store = trialStore();
  const view = wordView(store);
  store.failWhen(({ entries }) => entries.some((text) => text.includes("x")));
  const first = view.append(["x"]);
  store.hold();
  const second = view.append(["y"]);
  await expect(first).rejects.toMatchObject({ code: "store.full" });
  const refused = view.append(["z"]);
  expect(view.ahead).toBeUndefined();
  store.letGo();
  await Promise.allSettled([second, refused]);
  await view.append(["a"]);
  expect([view.state, view.ahead, await onDisk(store)]).toEqual(["a", "a", "a"]);
});

test("a snapshot is the fold up to its own cursor, and folding on from it is folding everything", async () => {
  const store = memoryStore();
  const view = wordView(store);
  await Promise.all(["a", "B", "c", "d"].map((letter) => view.append([letter])));
  const head = await store.head(subject);
  expect(head?.snapshot).toEqual({ cursor: 2, text: '"aB"' });
  const again = wordView(store, JSON.parse(head!.snapshot!.text), 4);
  expect(again.state).toBe("aB");
});

test("a receipt is made of the state that its own events lead to", async () => {
  const store = memoryStore();
  const view = wordView(store);
  const receipt = (state: string, events: readonly Event[]) => ({
    key: state,
    text: JSON.stringify(events),
    at: "2026-01-01T00:00:00.000Z",
  });
  await Promise.all([view.append(["a"]), view.append(["b"], { receipt }), view.append(["c"])]);
  expect((await store.receipt("ab"))?.text).toBe('[{"cursor":2,"letter":"b"}]');
});
