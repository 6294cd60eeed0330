/** Random JSON, rich in what parsers and programs stumble over. */
import type { Chance } from "../seeded.ts";

const names = [
  "a", "type", "text", "prompt", "title", "agent", "sessionId", "update", "sessionUpdate", "content", "id", "method",
  "params", "result", "error", "options", "kind", "_meta", "__proto__", "constructor", "toJSON", "then", "length", "", "\u0000",
] as const; // biome-ignore format: one line reads better than thirty

const words = [
  "", " ", "a", "0", "null", "true", "..", "../../etc/passwd", "\u0000", "\ud800", "\udfff\ud800", "\u2028", "é\u0301", "👩‍👩‍👧‍👦",
  "{{cwd}}", "<script>", "'; DROP TABLE entries; --", "ses_00000000000000000000000000", "__proto__", "9".repeat(400),
] as const; // biome-ignore format: one line reads better than thirty

const numbers = [
  0,
  -0,
  1,
  -1,
  0.1,
  1e21,
  -1e308,
  5e-324,
  2 ** 31,
  -(2 ** 31),
  2 ** 53,
  2 ** 53 + 2,
  Number.MAX_VALUE,
] as const;

/** Texts of JSON that no value has: too large, too deep, or written in an odd way. */
const raws = [
  "1e99999",
  "-1e99999",
  "1E400",
  "-0.0",
  "12345678901234567890123",
  '"\\ud83d"',
  '"\\u0000"',
  "1.0000000000000000000001",
] as const;

const mark = (at: number): string => `@raw-${at}@`;

export function textOf(chance: Chance): string {
  if (chance.maybe(0.6)) return chance.pick(words);
  if (chance.maybe(0.05)) return chance.pick(words).repeat(chance.spread(1, 20_000));
  return String.fromCharCode(...Array.from({ length: chance.below(24) }, () => chance.spread(1, 65_535)));
}

export function anyValue(chance: Chance, depth = 4): unknown {
  const kind = chance.below(depth > 0 ? 9 : 6);
  if (kind === 0) return null;
  if (kind === 1) return chance.maybe(0.5);
  if (kind === 2) return chance.pick(numbers);
  if (kind === 3) return mark(chance.below(raws.length));
  if (kind < 6) return textOf(chance);
  if (kind === 6) return Array.from({ length: chance.below(5) }, () => anyValue(chance, depth - 1));
  return objectOf(chance, depth - 1);
}

export const objectOf = (chance: Chance, depth = 3): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: chance.below(6) }, () => [chance.pick(names), anyValue(chance, depth)]));

/** The same value with a few of its parts replaced, left out or added. */
export function bent(chance: Chance, value: unknown, share = 0.15): unknown {
  if (chance.maybe(share)) return anyValue(chance, 2);
  if (Array.isArray(value)) {
    const items = value.filter(() => !chance.maybe(share / 2)).map((one) => bent(chance, one, share));
    return chance.maybe(share / 2) ? [...items, ...items] : items;
  }
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(() => !chance.maybe(share / 2));
  const more = chance.maybe(share) ? Object.entries(objectOf(chance, 1)) : [];
  return Object.fromEntries([...kept.map(([name, one]) => [name, bent(chance, one, share)] as const), ...more]);
}

const deep = (chance: Chance): string => {
  const depth = chance.spread(10, 30_000);
  const [open, close] = chance.pick([
    ["[", "]"],
    ['{"a":', "}"],
  ]);
  return `${open.repeat(depth)}1${close.repeat(depth)}`;
};

/** Written down, with the odd texts in their places. */
export function written(chance: Chance, value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  const filled = text.replace(/"@raw-(\d+)@"/g, (_, at: string) => raws[Number(at)] ?? "0");
  return chance.maybe(0.02) ? filled.replace(/null|true|false|""/, () => deep(chance)) : filled;
}
