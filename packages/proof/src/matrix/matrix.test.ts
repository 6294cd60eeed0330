/** The matrix as a table, its page, and the naive ones that its checks must catch. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@corral/kernel";
import { describe, expect, test } from "vitest";
import { invariants } from "../look/invariants.ts";
import { naiveClasses, tryNaive } from "../naive/index.ts";
import { cells, coreOf, means, moments, nameOf, reasonAgainst, victims } from "./cells.ts";
import { fateOf } from "./fates.ts";
import { pageOfFates } from "./page.ts";
import { createShow } from "./show.ts";

const all = victims.flatMap((dies) => moments.flatMap((when) => means.map((how) => ({ dies, when, how }))));

describe("the table", () => {
  test("has at least 150 cells, each with a fate, and a reason for each combination that it leaves out", () => {
    expect(cells.length).toBeGreaterThanOrEqual(150);
    for (const cell of cells) expect(fateOf(cell).outcomes.length, nameOf(cell)).toBeGreaterThan(0);
    const left = all.filter((cell) => !cells.some((one) => nameOf(one) === nameOf(cell)));
    for (const cell of left) expect(reasonAgainst(cell), nameOf(cell)).toMatch(/\w+ \w+/);
  });

  test("has a core that shows each victim at each of its moments and by each of its means", () => {
    const core = coreOf(cells);
    for (const { dies, when, how } of cells) {
      expect(
        core.some((cell) => cell.dies === dies && cell.when === when),
        `${dies} ${when}`,
      ).toBe(true);
      expect(
        core.some((cell) => cell.dies === dies && cell.how === how),
        `${dies} ${how}`,
      ).toBe(true);
    }
  });

  test("is what the page of what happens when x dies says", async () => {
    const page = new URL("../../../../docs/explanation/what-happens-when-x-dies.md", import.meta.url);
    expect(await readFile(page, "utf8"), "run: corral proof --page docs/explanation/what-happens-when-x-dies.md").toBe(
      pageOfFates(),
    );
  });
});

test("a cell that took longer than is promised, and is not failed for it, is told", () => {
  const cell = { dies: "tool", when: "during a tool", how: "kill -9" } as const;
  const told: string[] = [];
  const show = createShow([cell], (line) => told.push(line));
  const slow = ["the turn's end took 6000 ms, promised are 5000"];
  show({ cell, seed: 1, tookMs: 7_000, failures: [], slow, story: [] });
  expect(told.slice(1)).toEqual([
    `slow: ${nameOf(cell)}: ${slow[0]}`,
    expect.stringMatching(/^tool · during a tool +slow 7\.0 s( +-)+$/),
  ]);
});

describe("a naive implementation", () => {
  test("is there for every invariant", () => {
    const broken = new Set(naiveClasses.map(({ invariant }) => invariant));
    expect(invariants.filter(({ number }) => !broken.has(number))).toEqual([]);
  });

  for (const naive of naiveClasses) {
    test(`with its ${naive.name} is caught by the check of invariant ${naive.invariant}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "corral-"));
      try {
        const hostEnv = { PATH: process.env.PATH ?? "" };
        expect(await tryNaive(naive, { folder, hostEnv, clock: systemClock })).toMatchObject({ caught: true });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
});
