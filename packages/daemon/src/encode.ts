/** The bytes of a followed stream in its two forms; what all followers are told is encoded once for all of them. */
import type { Chunk, Entry, FollowStep, Page } from "@corral/kernel";
import type { StreamEnd, StreamForm, StreamResync } from "@corral/protocol";

export type FollowForm = Exclude<StreamForm, "json">;

/** The type of a stored event, found without parsing it: it stands before `data`, where no text can imitate it. */
export function typeOf(text: string): string {
  const at = text.indexOf('"type":"');
  const own = text.indexOf('"data":');
  if (at !== -1 && (own === -1 || at < own)) return text.slice(at + 8, text.indexOf('"', at + 8));
  return String((JSON.parse(text) as { type: unknown }).type);
}

const entryText: Readonly<Record<FollowForm, (entry: Entry) => string>> = {
  sse: ({ cursor, text }) => `id: ${cursor}\nevent: ${typeOf(text)}\ndata: ${text}\n\n`,
  ndjson: ({ text }) => `${text}\n`,
};

const lineText: Readonly<Record<FollowForm, (line: StreamEnd | StreamResync) => string>> = {
  sse: (line) => `event: ${line.type}\ndata: ${JSON.stringify(line)}\n\n`,
  ndjson: (line) => `${JSON.stringify(line)}\n`,
};

const encodedChunks: Readonly<Record<FollowForm, WeakMap<Chunk, Buffer>>> = {
  sse: new WeakMap(),
  ndjson: new WeakMap(),
};

function chunkBytes(chunk: Chunk, form: FollowForm): Buffer {
  const known = encodedChunks[form].get(chunk);
  if (known) return known;
  const bytes = Buffer.from(chunk.entries.map(entryText[form]).join(""));
  encodedChunks[form].set(chunk, bytes);
  return bytes;
}

export function stepBytes(step: FollowStep, form: FollowForm): Uint8Array {
  if (step.kind === "chunk") return chunkBytes(step, form);
  const line: StreamEnd | StreamResync =
    step.kind === "end"
      ? { type: "stream.end", reason: step.reason }
      : { type: "stream.resync", after: step.after, first: step.first };
  return Buffer.from(lineText[form](line));
}

/** Proxies that hold back the first kilobytes are filled with a comment; reconnecting takes a second. */
export const openingBytes: Readonly<Record<FollowForm, Uint8Array | undefined>> = {
  sse: Buffer.from(`retry: 1000\n:${" ".repeat(2048)}\n\n`),
  ndjson: undefined,
};

export const beatBytes: Readonly<Record<FollowForm, Uint8Array>> = {
  sse: Buffer.from(": beat\n\n"),
  ndjson: Buffer.from("\n"),
};

/** A page as JSON, put together from the stored texts without parsing them. */
export function pageText({ items, first, last }: Page): string {
  const newest = items.at(-1)?.cursor;
  const next = newest !== undefined && newest < last ? `"next":"${newest}",` : "";
  return `{"items":[${items.map(({ text }) => text).join(",")}],${next}"first":${first},"last":${last}}`;
}
