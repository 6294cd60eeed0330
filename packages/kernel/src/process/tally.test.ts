/** When a program that ends again and again is not started any more. */
import { expect, test } from "vitest";
import { manualClock } from "../ports/clock.reference.ts";
import { createTally } from "./tally.ts";

const open = () => {
  const clock = manualClock();
  return { clock, tally: createTally({ clock, intensity: { count: 3, periodMs: 120_000, rapidMs: 30_000 } }) };
};

test("three rapid ends within the period are borne, and one more is too many (B-13)", () => {
  const { tally } = open();
  for (let end = 0; end < 3; end++) tally.add(100);
  expect(tally.tooOften).toBe(false);
  tally.add(100);
  expect(tally.tooOften).toBe(true);
});

test("an end after a long life does not count (B-13)", () => {
  const { tally } = open();
  for (let end = 0; end < 9; end++) tally.add(30_000);
  expect(tally.tooOften).toBe(false);
});

test("when the period is over it is tried again", () => {
  const { clock, tally } = open();
  for (let end = 0; end < 4; end++) tally.add(100);
  clock.advance(119_999);
  expect(tally.tooOften).toBe(true);
  clock.advance(1);
  expect(tally.tooOften).toBe(false);
});
