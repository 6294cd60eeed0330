/** What the reference agent remembers: one file for each conversation, written before anything is answered. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "./brain.ts";

export interface Kept {
  readonly messages: Message[];
  readonly model?: string;
  readonly mode?: string;
  /** The conversation that it was forked from. */
  readonly origin?: string | undefined;
}

export interface Shelf {
  read(id: string): Kept | undefined;
  write(id: string, kept: Kept): void;
}

export function openShelf(folder: string): Shelf {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fileOf = (id: string): string => join(folder, `${id.replaceAll(/[^\w-]/g, "_")}.json`);
  return {
    read(id) {
      try {
        return JSON.parse(readFileSync(fileOf(id), "utf8")) as Kept;
      } catch {
        return undefined; // Nobody has spoken of it.
      }
    },
    write: (id, kept) => writeFileSync(fileOf(id), JSON.stringify(kept), { mode: 0o600 }),
  };
}
