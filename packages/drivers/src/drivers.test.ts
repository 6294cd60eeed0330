/** Every line of every registry keeps the law of its port. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Harness, Store } from "@corral/kernel";
import { harnessConformance, type Trick, type Tricks } from "@corral/kernel/conformance/harness";
import { storeConformance } from "@corral/kernel/conformance/store";
import { afterAll, beforeAll, describe, test } from "vitest";
import { harnesses } from "./harness/index.ts";
import { type StoreDriver, stores } from "./store/index.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "corral-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const lines: readonly (readonly [string, StoreDriver])[] = Object.entries(stores);

for (const [id, { open, lasting }] of lines) {
  const places = new WeakMap<Store, string>();
  const openAt = async (dir: string): Promise<Store> => {
    const store = await open({ dir });
    places.set(store, dir);
    return store;
  };
  const reopen = async (store: Store): Promise<Store> => {
    await store[Symbol.asyncDispose]();
    return openAt(places.get(store)!);
  };
  storeConformance(id, async () => openAt(await mkdtemp(join(root, `${id}-`))), lasting ? { reopen } : {});
}

const stories: { readonly [Name in Trick]: readonly (readonly unknown[])[] } = {
  say: [["quote"]],
  ask: [[{ ask: "May I?" }]],
  hang: [[{ say: "waiting" }, { hang: true }], ["quote"]],
  crash: [["crash"]],
  history: [["quote"], ["history"]],
};

/** The scripted harness does what its story says, whatever it is asked. */
const scriptedTricks: Tricks = {
  options: (trick) => ({ story: { turns: stories[trick].map((steps) => ({ steps })) } }),
  say: "a word to remember",
  ask: "ask",
  hang: "hang",
  crash: "crash",
  history: "history",
};

function law(harness: Harness): void {
  if (harness.id === "scripted") harnessConformance(harness.id, harness, scriptedTricks);
  else
    describe(`the ${harness.id} harness`, () => {
      test.skip("keeps the law of harnesses: its program is not here; its own cases play with it", () => undefined);
    });
}

for (const harness of harnesses) law(harness);
