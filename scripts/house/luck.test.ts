/** What is tried again where a machine may be busy, and what is not. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { maybeBadLuck } from "./luck.ts";

function messageOf(fails: () => void): string {
  try {
    fails();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error("it did not fail");
}

test("a failure that was drawn is not tried again, for another draw would hide it", () => {
  const property = fc.property(fc.nat(), (count) => count < 0);
  expect(messageOf(() => fc.assert(property))).not.toMatch(maybeBadLuck);
  expect(messageOf(() => expect(["lost"], "seed 7").toEqual([]))).not.toMatch(maybeBadLuck);
});

test("a failure of a machine that was busy is tried again", () => {
  expect("Test timed out in 120000ms.\nSomething hung.").toMatch(maybeBadLuck);
  expect("").toMatch(maybeBadLuck);
});
