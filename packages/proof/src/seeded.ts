/** Chance that repeats itself: the same seed leads to the same choices. */
import type { Clock } from "@corral/kernel";

export interface Chance {
  readonly seed: number;
  /** A whole number from zero up to a bound. */
  below(bound: number): number;
  /** A whole number between two, both included; small ones as often as large ones of the next order. */
  spread(min: number, max: number): number;
  maybe(share: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  bytes(count: number): Uint8Array;
  /** Another chance that depends on this one and no longer moves with it. */
  branch(): Chance;
}

const modulus = 2 ** 32;

/** Mulberry32. */
function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

function itemAt<Item>(items: readonly Item[], at: number): Item {
  const item = items[at];
  if (item === undefined) throw new Error("there is nothing to pick from");
  return item;
}

export function createChance(seed: number): Chance {
  const next = numbersFrom(seed);
  const share = () => next() / modulus;
  const chance: Chance = {
    seed,
    below: (bound) => Math.floor(share() * bound),
    spread: (min, max) => Math.min(max, Math.floor(min * ((max + 1) / min) ** share())),
    maybe: (likely) => share() < likely,
    pick: (items) => itemAt(items, chance.below(items.length)),
    bytes: (count) => Uint8Array.from({ length: count }, () => chance.below(256)),
    branch: () => createChance(next()),
  };
  return chance;
}

export function freshSeed(clock: Clock): number {
  const [a = 0, b = 0, c = 0] = clock.chance(3);
  return (a << 16) | (b << 8) | c;
}

/** A seed of its own for everything that has a name (FNV-1a: a letter of difference makes another number). */
export function seedOf(seed: number, name: string): number {
  let state = 2_166_136_261;
  for (const letter of `${seed} ${name}`) state = Math.imul(state ^ (letter.codePointAt(0) ?? 0), 16_777_619);
  return state >>> 0;
}
