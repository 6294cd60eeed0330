/** A proof that has tried too little does not hold. */
import { expect, test } from "vitest";
import { didEnough } from "./enough.ts";

const least = { cuts: 1, requests: 600 };

test("a proof that did what it was to do passes", () => {
  expect(didEnough({ cuts: 1, requests: 750, visits: 0 }, least).failures).toEqual([]);
});

test("a proof that did too little fails, and says of what", () => {
  expect(didEnough({ cuts: 0, requests: 599 }, least).failures).toEqual([
    "too little: cuts 0, not 1 or more",
    "too little: requests 599, not 600 or more",
  ]);
});

test("a proof that did not count what it did fails", () => {
  expect(didEnough({ requests: "many" }, least).failures).toEqual([
    "too little: cuts not counted, not 1 or more",
    "too little: requests many, not 600 or more",
  ]);
});
