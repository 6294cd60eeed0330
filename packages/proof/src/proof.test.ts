/** How the rows of a proof are counted. */
import { expect, test } from "vitest";
import { proved } from "./proof.ts";

test("a row that could not be tried counts as skipped, not as passed", () => {
  const rows = [
    { name: "held", failures: [] },
    { name: "could not be tried", failures: [], skipped: "only root may mount a small disk" },
    { name: "did not hold", failures: ["a process was left"] },
  ];
  expect(proved(1, rows, {})).toMatchObject({ passed: 1, failed: 1, skipped: 1 });
});
