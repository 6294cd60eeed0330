/** A hundred and twenty runs leave nothing behind; and growth, where there is some, is found. */
import { describe, expect, test } from "vitest";
import { expectProved, partTest, runQuick } from "../context.fixture.ts";
import { createChance } from "../seeded.ts";
import { judge } from "./flat.ts";
import { deal, kinds } from "./kinds.ts";
import { runs } from "./runs.ts";
import type { Sample } from "./sample.ts";

partTest(
  "runs of every kind leave no process, file, port or directory, and the daemon as small as before (invariant 10, B-13)",
  { timeout: 900_000, retry: 0 },
  async () => expectProved(await runQuick(runs)),
);

test("every kind of run comes, and the same ones for the same seed", () => {
  const dealt = (seed: number) => {
    const { below } = createChance(seed);
    return Array.from({ length: 1_000 }, () => deal(below).name);
  };
  expect(new Set(dealt(1)).size).toBe(kinds.length);
  expect(dealt(1)).toEqual(dealt(1));
});

describe("the judgement finds", () => {
  const megabyte = 1024 * 1024;
  const at = (count: number, over: Partial<Sample> = {}): Sample => ({
    runs: count,
    residentBytes: 100 * megabyte,
    heldBytes: 20 * megabyte,
    openedFiles: [],
    children: 0,
    carriers: [],
    tempFolders: [],
    sessionFolders: 0,
    runFolders: 20,
    otherFiles: ["corral.db"],
    stateBytes: 4 * megabyte,
    ...over,
  });
  const series = (over: (count: number) => Partial<Sample>) =>
    judge(Array.from({ length: 26 }, (_, block) => at(block * 40, over(block * 40)))).flatMap(
      ({ failures }) => failures,
    );

  test("nothing where nothing grows", () => {
    expect(series(() => ({}))).toEqual([]);
  });

  test.each<[string, (count: number) => Partial<Sample>]>([
    ["a leak of 20 kB in each run", (count) => ({ heldBytes: (20 + count / 50) * megabyte })],
    ["a process that grows by 100 kB in each run", (count) => ({ residentBytes: (100 + count / 10) * megabyte })],
    ["a state directory that grows", (count) => ({ stateBytes: (4 + count / 10) * megabyte })],
    ["a file left open", (count) => ({ openedFiles: count === 1_000 ? ["/dev/null"] : [] })],
    ["a process left behind", (count) => ({ carriers: count === 400 ? ["7 sleep"] : [] })],
    ["a temporary directory left behind", (count) => ({ tempFolders: count === 400 ? ["run_a"] : [] })],
    ["a session's directory left behind", (count) => ({ sessionFolders: count === 400 ? 1 : 0 })],
    ["more kept folders than are wanted", (count) => ({ runFolders: count / 40 })],
    ["a child that nobody knows", (count) => ({ children: count === 400 ? 1 : 0 })],
    ["a file of a new name", (count) => ({ otherFiles: count === 1_000 ? ["corral.db", "core"] : ["corral.db"] })],
  ])("%s", (_, over) => {
    expect(series(over).length).toBeGreaterThan(0);
  });
});
