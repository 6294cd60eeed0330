/** Hands a child's stdout to whoever reads it, and keeps the child from waiting for a reader who never comes. */
import { Readable } from "node:stream";

/** How much is kept for a reader who has not come yet; what a program says beyond that to nobody is dropped. */
export const unreadBytes = 1024 * 1024;

export interface Relay {
  readonly out: Readable;
  /** From now on nothing holds the source back: it has ended, and what the pipe still holds is little. */
  drain(): void;
  /** Ends the stream with what has come so far. */
  cut(): void;
}

const hasReader = (stream: Readable): boolean =>
  stream.readableFlowing !== null || stream.listenerCount("readable") > 0;

export function createRelay(source: Readable): Relay {
  let draining = false;
  let overflowed = false;
  let ended = false;
  const out = new Readable({
    read: () => void source.resume(),
    destroy(error, done) {
      // The reader has gone; the child may speak on.
      source.resume();
      done(error);
    },
  });
  const end = () => {
    if (ended) return;
    ended = true;
    if (!out.destroyed) out.push(null);
  };
  // A reader who looks away may destroy the stream with an error; that is between the reader and the stream.
  out.on("error", () => undefined);
  source.on("data", (chunk: Buffer) => {
    if (ended || out.destroyed || overflowed) return;
    if (!draining && !hasReader(out) && out.readableLength + chunk.length > unreadBytes) {
      // A hole in the middle would be worse than an end: from here on everything is dropped.
      overflowed = true;
      return;
    }
    const wantsMore = out.push(chunk);
    if (!wantsMore && !draining && hasReader(out)) source.pause();
  });
  source.on("end", end);
  source.on("close", end);
  // A pipe that breaks is a pipe that ends; the child's exit tells why.
  source.on("error", end);
  return {
    out,
    drain() {
      draining = true;
      source.resume();
    },
    cut() {
      source.destroy();
      end();
    },
  };
}
