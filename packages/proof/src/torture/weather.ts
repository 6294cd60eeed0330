/** Draws what happens to each connection of a bad road. */
import type { Chance } from "../seeded.ts";
import type { Passage } from "./road.ts";

const whole = (): number => Number.MAX_SAFE_INTEGER;

/** Anything may happen to any connection, at any byte. */
export function storm(chance: Chance): Passage {
  const slow = chance.maybe(0.4);
  const fine = chance.maybe(0.3);
  // Where pieces are small there are many of them, and a road on which nobody arrives shows nothing.
  const share = fine ? 0.02 : 1;
  const longestMs = chance.maybe(0.3) ? 60 : 12;
  const finest = chance.spread(1, 4_000);
  return {
    ...(chance.maybe(0.5) ? { cutAnswerAfter: chance.spread(1, 200_000) } : {}),
    ...(chance.maybe(0.06) ? { cutRequestAfter: chance.spread(1, 800) } : {}),
    delayMs: () => (slow && chance.maybe(share) ? chance.below(longestMs) : 0),
    pieceBytes: fine ? () => finest + chance.below(64) : whole,
    twice: chance.maybe(0.15),
    holdsBack: false,
  };
}

/** Nothing passes before it is complete, so a stream never does. */
export const dam = (): Passage => ({
  delayMs: () => 0,
  pieceBytes: whole,
  twice: false,
  holdsBack: true,
});
