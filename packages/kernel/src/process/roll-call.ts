/** Shares one look at the table of processes among all who ask at the same time, and rests between looks. */
import type { Clock } from "../ports/clock.ts";

export interface RollCall<Answer> {
  /** The answer of a look that begins after this call. */
  next(): Promise<Answer>;
}

/** After a look the next one waits this many times as long as the look took, so that looking stays a small part of the work. */
const restFactor = 3;
const longestRestMs = 50;

export function createRollCall<Answer>({
  clock,
  look,
}: {
  readonly clock: Clock;
  readonly look: () => Answer;
}): RollCall<Answer> {
  let waiting: Promise<Answer> | undefined;
  let restUntilMs = 0;
  const lookNow = (): Answer => {
    waiting = undefined;
    const beganMs = clock.monotonicMs();
    const answer = look();
    const endedMs = clock.monotonicMs();
    restUntilMs = endedMs + Math.min(longestRestMs, (endedMs - beganMs) * restFactor);
    return answer;
  };
  const begin = () =>
    new Promise<Answer>((resolve, reject) => {
      const call = () => {
        try {
          resolve(lookNow());
        } catch (cause) {
          reject(cause);
        }
      };
      const restMs = restUntilMs - clock.monotonicMs();
      if (restMs > 0) clock.after(restMs, call);
      else clock.soon(call);
    });
  return {
    next() {
      waiting ??= begin();
      return waiting;
    },
  };
}
