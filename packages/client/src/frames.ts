/** One connection to a session's events: server-sent events read as they come, or pages where a proxy holds those back. */
import { Fault, type SessionEvent, type StreamEnd, type StreamResync, streamMediaTypes } from "@corral/protocol";
import { createParser } from "eventsource-parser";
import type { Wire } from "./call.ts";
import type { Ear } from "./ear.ts";
import { unreachable } from "./request.ts";
import { within } from "./sleep.ts";

export type Frame = SessionEvent | StreamEnd | StreamResync;

export interface Place {
  readonly session: string;
  readonly after: number;
}

function parseFrame(text: string): Frame {
  try {
    return JSON.parse(text) as Frame;
  } catch (cause) {
    throw new Fault("stream.broken", { detail: "A whole frame of the event stream is not JSON.", cause });
  }
}

/** What is half a frame when the connection breaks is not told: the next connection brings the whole one. */
async function* readFrames(body: ReadableStream<Uint8Array>, ear: Ear): AsyncGenerator<Frame> {
  const texts: string[] = [];
  const parser = createParser({ onEvent: ({ data }) => texts.push(data) });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await ear.listen(reader.read());
      if (done) return;
      ear.hear();
      parser.feed(decoder.decode(value, { stream: true }));
      for (const text of texts.splice(0)) yield parseFrame(text);
    }
  } finally {
    ear[Symbol.dispose]();
    reader.cancel().catch(() => undefined); // A stream that broke has told its reason to the read already.
  }
}

/** Rejects as the platform does when a connection breaks; the caller knows the one fault for it. */
export async function* streamFrames(wire: Wire, { session, after }: Place, ear: Ear): AsyncGenerator<Frame> {
  const headers = { accept: streamMediaTypes.sse, ...(after > 0 ? { "last-event-id": String(after) } : {}) };
  const opening = wire.open("readEvents", { params: { session } }, { headers, signal: ear.signal });
  const { body } = await ear.listen(opening);
  if (body) yield* readFrames(body, ear);
}

const pollMs = 20_000;
const slowestPollMs = 45_000;

/** A session that is closed and read to its end says nothing any more. */
async function isOver(wire: Wire, { session, after }: Place, signal: AbortSignal): Promise<boolean> {
  const state = await wire.call("readSession", { params: { session } }, { signal, patienceMs: 0 });
  return state.phase === "closed" && state.cursor <= after;
}

/** The same frames by asking again and again, each answer being held back until there is something. */
export async function* pollFrames(wire: Wire, { session, after }: Place, signal: AbortSignal): AsyncGenerator<Frame> {
  const late = () => unreachable(wire.url, "The daemon did not answer in time.");
  for (let cursor = after; ; ) {
    const query = { after: String(cursor), limit: "1000", waitMs: String(pollMs) };
    const page = await within(slowestPollMs, { sleep: wire.sleep, signal, late }, (limited) =>
      wire.call("readEvents", { params: { session }, query }, { signal: limited, patienceMs: 0 }),
    );
    if (page.first > cursor + 1) {
      yield { type: "stream.resync", after: cursor, first: page.first };
      cursor = page.first - 1;
    }
    yield* page.items;
    const last = page.items.at(-1);
    cursor = last?.cursor ?? cursor;
    const mayBeOver = last === undefined || last.type === "session.closed";
    if (mayBeOver && (await isOver(wire, { session, after: cursor }, signal))) {
      yield { type: "stream.end", reason: "session.closed" };
    }
  }
}
