/** The cases that every harness is played through, what they are played with, and the card that comes of it. */
export { type Card, cardLines, cardOf, cardSchema, isSound } from "./card.ts";
export type { Case, Choice, Claim, Found, Noise, Observed, Recipe, Ways } from "./case.ts";
export { cases } from "./cases/index.ts";
export { findOut } from "./find-out.ts";
export type { Surroundings } from "./house.ts";
export { installedVersion } from "./installed.ts";
export { waysOf } from "./known.ts";
export {
  type AllNeed,
  isFor,
  playAll,
  playCase,
  type Result,
  reasonAgainst,
  type Subject,
  type Verdict,
} from "./play.ts";
export { referenceAgent } from "./reference.ts";
