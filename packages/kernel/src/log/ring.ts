/** The newest chunks of a log, kept for those who follow it live; bounded, and empty while nobody does. */
import type { Entry } from "../ports/store.ts";
import type { Chunk } from "./chunk.ts";

const maxBytes = 512 * 1024;

export interface Ring {
  push(entries: readonly Entry[]): void;
  /** What comes right after a cursor; the very same object for all who stand at the edge of a chunk. */
  after(cursor: number): Chunk | undefined;
  clear(): void;
}

const edge = (chunk: Chunk): number => chunk.entries[0]?.cursor ?? 0;
const bytesOf = ({ entries }: Chunk): number => entries.reduce((sum, { text }) => sum + text.length, 0);

export function createRing(): Ring {
  let chunks: Chunk[] = [];
  let heldBytes = 0;
  return {
    push(entries) {
      const chunk: Chunk = { kind: "chunk", entries };
      chunks.push(chunk);
      heldBytes += bytesOf(chunk);
      while (heldBytes > maxBytes && chunks.length > 1) heldBytes -= bytesOf(chunks.shift() ?? chunk);
    },
    after(cursor) {
      const at = chunks.findLastIndex((chunk) => edge(chunk) <= cursor + 1);
      const chunk = chunks[at];
      if (!chunk) return undefined;
      if (edge(chunk) === cursor + 1) return chunk;
      const entries = chunk.entries.slice(cursor + 1 - edge(chunk));
      return entries.length > 0 ? { kind: "chunk", entries } : undefined;
    },
    clear() {
      chunks = [];
      heldBytes = 0;
    },
  };
}
