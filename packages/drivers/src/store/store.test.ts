/** Every store of the registry keeps the law of stores. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "@corral/kernel";
import { storeConformance } from "@corral/kernel/conformance/store";
import { afterAll, beforeAll } from "vitest";
import { type StoreDriver, stores } from "./index.ts";

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
