/** What is said of a harness when its cases have been played. */
import { expect, test } from "vitest";
import { summaryLine } from "./real.conformance.ts";

const all = { name: "zeta 1.2.3", tries: new Map(), passed: new Set<string>(), left: [], seconds: 61.4 };

test("a harness whose cases all passed is summed up in one line, with what it cannot and why (D-31)", () => {
  const tries = new Map(["greet", "tool"].map((name) => [name, 1]));
  const left = [["mode", "its card says no to planMode"]] as const;
  expect(summaryLine({ ...all, tries, passed: new Set(tries.keys()), left })).toBe(
    "zeta 1.2.3: 2 passed, 1 cannot (mode: its card says no to planMode); 61 s",
  );
});

test("a case that needed a second try is counted once and named, and so is one that failed (D-31)", () => {
  const tries = new Map([
    ["greet", 1],
    ["fork", 2],
    ["cut", 2],
  ]);
  expect(summaryLine({ ...all, tries, passed: new Set(["greet", "fork"]) })).toBe(
    "zeta 1.2.3: 2 passed, 1 of them at the second try (fork), 1 failed (cut); 61 s",
  );
});
