/** The core of the kill matrix against the real daemon, the real client and the real scripted harness; `npm run proof` plays all of it. */
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@corral/kernel";
import { afterAll, beforeAll, expect, inject } from "vitest";
import { type CellResult, Lane } from "../cell/lane.ts";
import { partTest } from "../context.fixture.ts";
import { mayNotSkip } from "../proof.ts";
import { freshSeed } from "../seeded.ts";
import { type Cell, cells, coreOf, nameOf, type Victim } from "./cells.ts";
import { fateNameOf } from "./fates.ts";

const main = inject("corral");
const seed = freshSeed(systemClock);
const stop = new AbortController();
let folder: string;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "corral-")));
});
afterAll(async () => {
  stop.abort(new Error("the tests are over"));
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function playAll(dies: Victim): Promise<readonly CellResult[]> {
  const waiting: Cell[] = coreOf(cells).filter((cell) => cell.dies === dies);
  const results: CellResult[] = [];
  const hostEnv = { PATH: process.env.PATH ?? "", LANG: "C.UTF-8" };
  const play = async (at: number) => {
    const corral = [process.execPath, main] as const;
    const need = { corral, hostEnv, clock: systemClock, signal: stop.signal, seed };
    await using lane = new Lane({ ...need, folder: join(folder, `${dies}-${at}`) });
    for (let cell = waiting.shift(); cell; cell = waiting.shift()) results.push(await lane.play(cell));
  };
  await Promise.all([play(1), play(2)]);
  return results;
}

/** Which rows the deaths of each are about. */
const rows: Readonly<Record<Victim, string>> = {
  server: "invariants 1 to 10",
  harness: "invariants 1 to 10, CR-06, DR-08",
  tool: "invariants 1 to 10",
  terminal: "invariants 1 to 10, AR-01",
  child: "invariants 1 to 10, DR-08",
  orphan: "invariants 1 to 10, DR-08",
  client: "invariants 1 to 10",
};

for (const [dies, says] of Object.entries(rows) as [Victim, string][]) {
  partTest(
    `whenever and however it happens to the ${dies}, the ten invariants hold (${says})`,
    { timeout: 600_000, retry: 0 },
    async () => {
      const results = await playAll(dies);
      const failed = results.filter(({ failures }) => failures.length > 0);
      const told = failed.map(({ cell, failures, story }) =>
        [`${nameOf(cell)} (${fateNameOf(cell)})`, ...failures.map(({ says }) => says), ...story].join("\n"),
      );
      expect(told.join("\n\n"), `seed ${seed}`).toBe("");
      const left = results.flatMap(({ cell, skipped }) => (skipped === undefined ? [] : `${nameOf(cell)}: ${skipped}`));
      if (mayNotSkip()) expect(left).toEqual([]);
    },
  );
}
