/** Tokens: read from whatever is reported, summed field by field. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { addUsage, readUsage, type Usage, usageSchema } from "./usage.ts";

const names = Object.keys(usageSchema.shape) as (keyof Usage)[];
const count = fc.integer({ min: 0, max: 1_000_000 });
const usage = fc.record(Object.fromEntries(names.map((name) => [name, count])), { requiredKeys: [] });

test("sums do not depend on order or grouping, and what nobody knows stays unknown", () => {
  fc.assert(
    fc.property(usage, usage, usage, (a, b, c) => {
      expect(addUsage(a, b)).toEqual(addUsage(b, a));
      expect(addUsage(addUsage(a, b), c)).toEqual(addUsage(a, addUsage(b, c)));
      expect(addUsage(a, {})).toEqual(a);
      for (const name of names) expect(name in addUsage(a, b)).toBe(name in a || name in b);
    }),
  );
});

test("only whole counts of known names are read", () => {
  expect(readUsage({ inputTokens: 3, outputTokens: 0, cost: 1, totalTokens: null })).toEqual({
    inputTokens: 3,
    outputTokens: 0,
  });
  for (const nothing of [undefined, null, 7, "x", {}, [], { inputTokens: -1 }, { outputTokens: 1.5 }, { x: 1 }]) {
    expect(readUsage(nothing)).toBeUndefined();
  }
  expect(readUsage({ inputTokens: Number.NaN, outputTokens: "5", thoughtTokens: 2 ** 60 })).toBeUndefined();
});
