/** Follows a session's events across cuts, restarts and proxies: every event once, in order, without a gap. */
import { Fault, isFault, type SessionEvent, type StreamResync } from "@corral/protocol";
import type { Wire } from "./call.ts";
import { openEar } from "./ear.ts";
import { type Frame, pollFrames, streamFrames } from "./frames.ts";
import { unreachable } from "./request.ts";
import { anySignal, backOff, within } from "./sleep.ts";

export interface FollowOptions {
  /** The cursor of the last event that the caller has; the whole log when absent. */
  readonly after?: number;
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told when events were trimmed before they could be read; what follows starts at `first`. */
  readonly onResync?: (resync: StreamResync) => void;
}

/** What the connections of one client have in common: where a proxy held back the streams of one, it holds back all. */
export interface Road {
  readonly wire: Wire;
  readonly waysOut: { polls: boolean };
}

/** Frames of one connection; whatever breaks it, the fault says whether another try is worth it. */
async function* framesFrom({ wire, waysOut }: Road, session: string, after: number, signal: AbortSignal) {
  using ear = openEar({
    sleep: wire.sleep,
    signal,
    silence: () => unreachable(wire.url, "The stream of events has gone silent."),
  });
  const place = { session, after };
  try {
    yield* waysOut.polls ? pollFrames(wire, place, signal) : streamFrames(wire, place, ear);
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    if (ear.mute) throw new MuteFault(wire.url, cause);
    throw isFault(cause) ? cause : unreachable(wire.url, "The stream of events broke.", cause);
  }
}

/** A stream that gave no byte: either nobody is there, or a proxy waits for its end before it passes it on. */
class MuteFault extends Fault {
  constructor(url: string, cause: unknown) {
    super("daemon.unreachable", {
      detail: "The stream of events stays empty.",
      help: `Check that a Corral daemon answers at ${url}.`,
      cause,
    });
  }
}

const healthMs = 5_000;

async function answersHealth(wire: Wire, signal: AbortSignal): Promise<boolean> {
  const late = () => unreachable(wire.url, "The daemon did not answer in time.");
  try {
    await within(healthMs, { sleep: wire.sleep, signal, late }, (limited) =>
      wire.call("readHealth", {}, { signal: limited, patienceMs: 0 }),
    );
    return true;
  } catch (error) {
    if (signal.aborted) throw error;
    return false;
  }
}

const gap = (cursor: number, next: number): Fault =>
  new Fault("stream.broken", {
    detail: `After event ${cursor} came event ${next}.`,
    help: "Follow again from the last cursor; if it happens again, something between drops parts of the stream.",
    more: { after: cursor, next },
  });

/** How one frame moves the reader on: an event to tell, the end, or nothing. */
function take(frame: Frame, cursor: number, onResync: FollowOptions["onResync"]) {
  if (frame.type === "stream.end") return { cursor, over: frame.reason !== "daemon.stopping" };
  if (frame.type === "stream.resync") {
    onResync?.(frame);
    return { cursor: Math.max(cursor, frame.first - 1), over: false };
  }
  if (frame.cursor <= cursor) return { cursor, over: false };
  if (frame.cursor > cursor + 1) throw gap(cursor, frame.cursor);
  return { cursor: frame.cursor, over: false, event: frame };
}

async function* followFrom(road: Road, session: string, options: FollowOptions, signal: AbortSignal) {
  const { wire, waysOut } = road;
  const pace = backOff();
  let [cursor, mutes, met] = [options.after ?? 0, 0, false];
  for (;;) {
    const before = cursor;
    try {
      for await (const frame of framesFrom(road, session, cursor, signal)) {
        [mutes, met] = [0, true];
        const taken = take(frame, cursor, options.onResync);
        cursor = taken.cursor;
        if (taken.event) yield taken.event;
        if (taken.over) return;
      }
    } catch (error) {
      if (met && isFault(error, "session.missing")) return; // Removed while we were away.
      if (error instanceof MuteFault && ++mutes >= 2) waysOut.polls = await answersHealth(wire, signal);
      if (!isWorthAnotherTry(error, road, mutes)) throw error;
    }
    if (cursor > before) pace.reset();
    await wire.sleep(pace.next(), { signal });
  }
}

/** A daemon that was never there is an answer to give at once; one that is only silent may be behind a proxy. */
function isWorthAnotherTry(error: unknown, { wire, waysOut }: Road, mutes: number): boolean {
  if (!isFault(error) || error.retry === "never") return false;
  const silent = error instanceof MuteFault && (mutes < 2 || waysOut.polls);
  return wire.reached() || error.code !== "daemon.unreachable" || silent;
}

export const follow = (road: Road, session: string, options: FollowOptions = {}): AsyncIterable<SessionEvent> =>
  stoppable((signal) => followFrom(road, session, options, signal), anySignal(road.wire.signal, options.signal));

/** An iterable whose every iterator has a life of its own, and whose `return` does not wait for what is being waited for. */
export const stoppable = <Item>(
  start: (signal: AbortSignal) => AsyncGenerator<Item, void>,
  signal: AbortSignal,
): AsyncIterable<Item> => ({
  [Symbol.asyncIterator](): AsyncIterator<Item, void> {
    const stop = new AbortController();
    const items = start(anySignal(signal, stop.signal));
    const done = { done: true, value: undefined } as const;
    return {
      async next() {
        try {
          return await items.next();
        } catch (error) {
          if (stop.signal.aborted) return done;
          throw error;
        }
      },
      async return() {
        stop.abort();
        await items.return();
        return done;
      },
    };
  },
});
