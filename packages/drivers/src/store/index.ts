/** The registry of stores: one line for each engine that can keep the log. */
import { type Clock, memoryStore, type Store } from "@corral/kernel";
import { openSqliteStore } from "./sqlite.ts";

export interface StoreNeed {
  readonly dir: string;
  readonly clock?: Clock;
}

export interface StoreDriver {
  readonly title: string;
  /** Whether what it keeps outlives the process. */
  readonly lasting: boolean;
  readonly open: (need: StoreNeed) => Promise<Store>;
}

export const stores = {
  memory: { title: "In memory", lasting: false, open: async () => memoryStore() },
  sqlite: { title: "SQLite", lasting: true, open: openSqliteStore },
} as const satisfies Record<string, StoreDriver>;

export type StoreId = keyof typeof stores;

export { openSqliteStore, type SqliteNeed } from "./sqlite.ts";
