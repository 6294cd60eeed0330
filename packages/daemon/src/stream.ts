/** Writes a followed log to one caller: as fast as the caller reads and no faster, with a heartbeat and an explicit end. */
import type { Clock, FollowStep } from "@corral/kernel";
import { streamMediaTypes } from "@corral/protocol";
import { beatBytes, type FollowForm, openingBytes, stepBytes } from "./encode.ts";
import { type Exchange, HungUp } from "./exchange.ts";

/** Where the bytes of one stream go. */
export interface Sink {
  write(bytes: Uint8Array): void;
  /** Too much is waiting to be read; `onDrain` calls back when it no longer is. */
  readonly full: boolean;
  onDrain(call: () => void): void;
  end(): void;
  /** Cuts the connection, so that the caller notices and comes back with its cursor. */
  drop(error: Error): void;
}

/** How an answer begins. `onClose` is called when the caller is gone. */
export interface SinkStart {
  readonly headers: Readonly<Record<string, string>>;
  readonly onClose: () => void;
}

/** Opens a sink; what is to be handed back as the response comes with it. */
export type OpenSink = (start: SinkStart) => { readonly sink: Sink; readonly response: Response };

/** Writes a whole answer; what is to be handed back as the response comes with it. */
export type Reply = (
  text: string,
  start: { readonly status: number; readonly headers: SinkStart["headers"] },
) => Response;

/** An answer into a response's body, where there is no socket to write to. */
export const replyWithBody: Reply = (text, { status, headers }) =>
  new Response(text, { status, headers: { ...headers } });

export const sinkLimitBytes = 1024 * 1024;
const beatMs = 15_000;
const patienceMs = 60_000;

export const streamHeaders = (form: FollowForm): Record<string, string> => ({
  "content-type": streamMediaTypes[form],
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
});

/** A sink into a response's body, where there is no socket to write to. */
export const openBodySink: OpenSink = ({ headers, onClose }) => {
  let waiting: (() => void) | undefined;
  let open: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(opened) {
        open = opened;
      },
      pull() {
        waiting?.();
        waiting = undefined;
      },
      cancel() {
        open = undefined;
        onClose();
        waiting?.();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: sinkLimitBytes }),
  );
  const sink: Sink = {
    write: (bytes) => open?.enqueue(bytes),
    get full() {
      return (open?.desiredSize ?? 1) <= 0;
    },
    onDrain: (call) => {
      waiting = call;
    },
    end: () => open?.close(),
    drop: (error) => open?.error(error),
  };
  return { sink, response: new Response(body, { headers: { ...headers } }) };
};

/** Calls back again and again, until it is taken back. */
function every(clock: Clock, delayMs: number, call: () => void): () => void {
  const again = () => {
    takeBack = clock.after(delayMs, again);
    call();
  };
  let takeBack = clock.after(delayMs, again);
  return () => takeBack();
}

class TooSlow extends Error {
  override readonly name = "TooSlow";
}

/** Resolves when there is room, or when the stream is over; a caller who reads nothing for a minute is dropped. */
function room(sink: Sink, { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal }): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      takeBack();
      signal.removeEventListener("abort", settle);
      resolve();
    };
    const takeBack = clock.after(patienceMs, () => {
      signal.removeEventListener("abort", settle);
      reject(new TooSlow("The caller does not read."));
    });
    if (signal.aborted) return settle();
    signal.addEventListener("abort", settle, { once: true });
    sink.onDrain(settle);
  });
}

export interface StreamNeed {
  readonly form: FollowForm;
  readonly follow: (options: { readonly signal: AbortSignal }) => AsyncIterable<FollowStep>;
  readonly clock: Clock;
  readonly exchange: Exchange;
  readonly openSink: OpenSink;
  readonly headers: Readonly<Record<string, string>>;
  /** Called with what cut the stream short although nobody wanted it to end. */
  readonly onSurprise: (error: unknown) => void;
}

async function pump(sink: Sink, { form, follow, clock, exchange: { signal } }: StreamNeed): Promise<void> {
  let told = false;
  try {
    for await (const step of follow({ signal })) {
      if (signal.aborted) break;
      sink.write(stepBytes(step, form));
      told = step.kind === "end";
      if (sink.full) await room(sink, { clock, signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (!told && signal.aborted && !(signal.reason instanceof HungUp)) {
    sink.write(stepBytes({ kind: "end", reason: "daemon.stopping" }, form));
  }
  sink.end();
}

/** Starts the stream and answers at once; the exchange is closed when the stream is over. */
export function startStream(need: StreamNeed): Response {
  const { form, clock, exchange, onSurprise } = need;
  const { sink, response } = need.openSink({
    headers: { ...streamHeaders(form), ...need.headers },
    onClose: exchange.hangUp,
  });
  const opening = openingBytes[form];
  if (opening) sink.write(opening);
  const stopBeats = every(clock, beatMs, () => {
    if (!sink.full) sink.write(beatBytes[form]);
  });
  const finish = () => {
    stopBeats();
    exchange.close();
  };
  pump(sink, need)
    .catch((error: Error) => {
      if (!(error instanceof TooSlow) && !exchange.signal.aborted) onSurprise(error);
      sink.drop(error);
    })
    .finally(finish)
    .catch(onSurprise);
  return response;
}
