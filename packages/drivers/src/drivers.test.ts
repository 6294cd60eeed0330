/** Every line of every registry keeps the law of its port. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "@corral/kernel";
import { harnessConformance, type Tricks } from "@corral/kernel/conformance/harness";
import { storeConformance } from "@corral/kernel/conformance/store";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { harnesses } from "./harness/index.ts";
import { scriptedTricks } from "./harness/scripted.tricks.fixture.ts";
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

/** How a harness that is always here is brought to do what a law is about; the others are played where their programs are. */
const tricks: Readonly<Record<string, Tricks>> = { scripted: scriptedTricks };

function playedElsewhere(id: string): void {
  describe(`the ${id} harness`, () => {
    const real = `./harness/${id}.real.test.ts`;
    test.skip(`keeps the law of harnesses: its program is not here; ${real} plays it`, () => undefined);
    test("has cases to play with its program where that is", () => {
      expect(existsSync(new URL(real, import.meta.url)), real).toBe(true);
    });
  });
}

for (const harness of harnesses) {
  const known = tricks[harness.id];
  if (known) harnessConformance(harness.id, harness, known);
  else playedElsewhere(harness.id);
}
