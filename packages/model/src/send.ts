/** Sends a reply over a connection: whole or as a stream, to its end, or to where the story breaks it off. */
import { once } from "node:events";
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { type ModelClock, waitFor } from "./clock.ts";
import type { Dialect } from "./dialects/dialect.ts";
import type { JsonObject } from "./json.ts";
import type { Frame, ModelReply, Refusal } from "./reply.ts";

export interface Sending {
  readonly response: ServerResponse;
  readonly dialect: Dialect;
  readonly clock: ModelClock;
  /** Aborted when the connection is closed. */
  readonly gone: AbortSignal;
  /** Told before we close it ourselves. */
  cuts(): void;
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

export const sendRefusal = (response: ServerResponse, dialect: Dialect, refusal: Refusal): void => {
  const { status, retryAfterSeconds } = refusal;
  const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
  sendJson(response, status, dialect.failure(refusal), headers);
};

const encoded = ({ event, body }: { readonly event?: string; readonly body: JsonObject | "[DONE]" }): string =>
  `${event === undefined ? "" : `event: ${event}\n`}data: ${typeof body === "string" ? body : JSON.stringify(body)}\n\n`;

/** Writes at the pace of the reader. */
async function write({ response, gone }: Sending, text: string): Promise<void> {
  if (response.write(text) || gone.aborted) return;
  const ready = new AbortController();
  const leave = () => ready.abort();
  gone.addEventListener("abort", leave, { once: true });
  try {
    await once(response, "drain", { signal: ready.signal });
  } catch (error) {
    // A reader that went away drains nothing; anything else is a surprise.
    if (!gone.aborted) throw error;
  } finally {
    gone.removeEventListener("abort", leave);
  }
}

async function play(sending: Sending, frames: Iterable<Frame>): Promise<void> {
  for (const frame of frames) {
    if (sending.gone.aborted) return;
    if ("waitMs" in frame) await waitFor(sending.clock, frame.waitMs, sending.gone);
    else await write(sending, encoded(frame));
  }
}

async function sendStream(sending: Sending, reply: ModelReply): Promise<void> {
  const { response, dialect } = sending;
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.flushHeaders();
  await play(sending, dialect.frames(reply));
  if (reply.ending.is === "cut") await cut(sending);
  else if (reply.ending.is !== "hang") response.end();
}

/** Ends the connection in the middle of the answer, behind all that was written before. */
async function cut({ response, cuts }: Sending): Promise<void> {
  const { socket } = response;
  if (!socket || socket.destroyed) return;
  // What waits in the socket goes out first, so that the reader sees the same part of the answer every time.
  await new Promise<void>((resolve) => socket.write("", () => resolve()));
  cuts();
  response.destroy();
}

const silenceMs = ({ blocks }: ModelReply): number =>
  blocks
    .flatMap((block) =>
      block.is === "pause" ? [block.waitMs] : block.is === "tool" ? [] : block.chunks.map((c) => c.waitMs),
    )
    .reduce((sum, waitMs) => sum + waitMs, 0);

async function sendWhole(sending: Sending, reply: ModelReply): Promise<void> {
  const { response, dialect, clock, gone } = sending;
  const text = JSON.stringify(dialect.whole(reply));
  if (silenceMs(reply) > 0) await waitFor(clock, silenceMs(reply), gone);
  if (gone.aborted) return;
  if (reply.ending.is === "error") return sendRefusal(response, dialect, reply.ending.refusal);
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  if (reply.ending.is === "hang") return response.flushHeaders();
  if (reply.ending.is === "stop") return void response.end(text);
  response.write(text.slice(0, Math.floor(text.length / 2)));
  await cut(sending);
}

/** Resolves when everything was handed to the connection; a reply that hangs goes on until the caller leaves. */
export async function sendReply(sending: Sending, reply: ModelReply, stream: boolean): Promise<void> {
  const { ending, blocks } = reply;
  if (ending.is === "error" && blocks.length === 0)
    return sendRefusal(sending.response, sending.dialect, ending.refusal);
  await (stream ? sendStream(sending, reply) : sendWhole(sending, reply));
}
