/** Notices when a connection has gone silent, so that a dead one is not listened to for ever. */
import type { Fault } from "@corral/protocol";
import { type Sleep, unless } from "./sleep.ts";

const beatMs = 5_000;
/** Heartbeats come each 15 s: three of them are missing. */
const longestSilenceBeats = 9;

export interface Ear extends Disposable {
  /** Aborted when the connection is silent for too long, and when it is put away. */
  readonly signal: AbortSignal;
  /** Whether it gave up before the first byte came. */
  readonly mute: boolean;
  /** Waits for what the connection gives next. Only such waiting counts as silence: a reader may take its time. */
  listen<Value>(next: Promise<Value>): Promise<Value>;
  /** Bytes came. */
  hear(): void;
}

interface EarNeed {
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
  readonly silence: () => Fault;
}

export function openEar({ sleep, signal, silence }: EarNeed): Ear {
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  let [listening, heard, mute, silentBeats] = [false, false, false, 0];

  async function count(): Promise<void> {
    while (!either.aborted) {
      await sleep(beatMs, { signal: either });
      silentBeats = listening ? silentBeats + 1 : 0;
      // The beat that was under way when the last byte came does not count as a whole one.
      if (silentBeats < (heard ? longestSilenceBeats + 1 : 1)) continue;
      mute = !heard;
      end.abort(silence());
    }
  }
  count().catch((error: unknown) => end.abort(error)); // Put away meanwhile, which changes nothing; or nobody can count.

  return {
    signal: either,
    get mute() {
      return mute;
    },
    async listen(next) {
      listening = true;
      try {
        return await unless(either, next);
      } finally {
        listening = false;
      }
    },
    hear() {
      heard = true;
      silentBeats = 0;
    },
    [Symbol.dispose]: () => end.abort(),
  };
}
