/** Writes answers to one of Node's sockets as they are: nothing is copied, and what waits to be sent is counted. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex, Readable } from "node:stream";
import type { Clock } from "@corral/kernel";
import { type Outlet, type Sink, sinkLimitBytes } from "./call.ts";

/** How long, and how much of it, what nobody reads may still come after its answer. */
const restMs = 1000;
const restBytes = 64 * 1024 * 1024;

const isStillComing = ({ complete, headers }: IncomingMessage): boolean =>
  !complete && (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0);

/**
 * Reads and forgets what still comes on a socket: closed with unread bytes it would take the answer with it. Whoever sends without
 * end, or does not leave, is cut; until that is taken back.
 */
export function letPass(coming: Readable, socket: Duplex, clock: Clock): () => void {
  let bytes = 0;
  const cut = () => void socket.destroy();
  coming.on("data", (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (bytes > restBytes) cut();
  });
  coming.resume();
  return clock.after(restMs, cut);
}

function letBodyPass(incoming: IncomingMessage, clock: Clock): void {
  const takeBack = letPass(incoming, incoming.socket, clock);
  for (const over of ["end", "close"]) incoming.once(over, takeBack);
}

export function nodeOutlet(incoming: IncomingMessage, outgoing: ServerResponse, clock: Clock): Outlet<void> {
  const openSink = (): Sink => ({
    write: (bytes) => {
      if (!outgoing.destroyed) outgoing.write(bytes);
    },
    get full() {
      return outgoing.writableLength >= sinkLimitBytes;
    },
    onDrain: (call) => void outgoing.once("drain", call),
    end: () => {
      if (outgoing.destroyed) return;
      outgoing.end();
      if (isStillComing(incoming)) letBodyPass(incoming, clock);
    },
    drop: () => void outgoing.destroy(),
  });
  return {
    reply({ status, headers, text }) {
      if (outgoing.destroyed) return;
      const bytes = text === undefined ? undefined : Buffer.from(text);
      outgoing.writeHead(status, bytes ? { ...headers, "content-length": bytes.byteLength } : headers);
      if (!isStillComing(incoming)) return void outgoing.end(bytes);
      // The answer is whole for its reader, and ends when the rest of the body is out of its way.
      if (bytes) outgoing.write(bytes);
      else outgoing.flushHeaders();
      incoming.once("end", () => outgoing.end());
      letBodyPass(incoming, clock);
    },
    stream({ status, headers }, onClose) {
      outgoing.on("close", onClose);
      outgoing.on("error", onClose);
      if (outgoing.destroyed) onClose();
      else {
        outgoing.writeHead(status, headers);
        outgoing.flushHeaders();
      }
      return { sink: openSink(), out: undefined };
    },
  };
}
