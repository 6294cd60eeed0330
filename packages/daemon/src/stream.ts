/** Writes a followed log to one caller: as fast as the caller reads and no faster, with a heartbeat and an explicit end. */
import type { Clock, FollowStep } from "@corral/kernel";
import { streamMediaTypes } from "@corral/protocol";
import type { Head, Outlet, Sink } from "./call.ts";
import { beatBytes, type FollowForm, openingBytes, stepBytes } from "./encode.ts";
import { type Exchange, HungUp } from "./exchange.ts";

const beatMs = 15_000;
const patienceMs = 60_000;

export const streamHead = (form: FollowForm): Head => ({
  status: 200,
  headers: {
    "content-type": streamMediaTypes[form],
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
  },
});

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
export function startStream<Out>(outlet: Outlet<Out>, need: StreamNeed): Out {
  const { form, clock, exchange, onSurprise } = need;
  const { sink, out } = outlet.stream(streamHead(form), exchange.hangUp);
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
  return out;
}
