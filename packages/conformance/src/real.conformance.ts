/** Plays the common cases with one real harness, and sums them up in one line. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { harnesses } from "@corral/drivers";
import { createProcesses, type Harness, ownerOf, systemClock } from "@corral/kernel";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { Case, Ways } from "./case.ts";
import { cases } from "./cases/index.ts";
import { here } from "./here.conformance.ts";
import { openInstaller } from "./house.ts";
import { Stage, timeLimitMs } from "./stage.ts";

/** Looks only: what is missing was to be installed before, while there still was a network. */
async function versionOf(harness: Harness): Promise<string | undefined> {
  const stateDir = await mkdtemp(join(tmpdir(), "corral-"));
  try {
    await using processes = createProcesses({
      clock: systemClock,
      stateDir,
      owner: ownerOf(stateDir),
      hostEnv: here.hostEnv,
    });
    await using installer = openInstaller(processes, here);
    return (await installer.installed(harness))?.version;
  } finally {
    await rm(stateDir, { recursive: true });
  }
}

async function play({ harness, ways, one }: { harness: Harness; ways: Ways; one: Case }): Promise<void> {
  await using stage = await Stage.open({ harness, ways, surroundings: here });
  await one.run(stage);
  await stage.check();
}

const titleOf = ({ name, says, rows = [] }: Case): string =>
  `${name}: ${says}${rows.length > 0 ? ` (${rows.join(", ")})` : ""}`;

export function realHarness(id: string, ways: Ways): void {
  const harness = harnesses.find((one) => one.id === id);
  if (!harness) throw new Error(`The registry of harnesses has no ${id}.`);
  const { cannot = {}, capabilities } = harness;
  const strangers = Object.keys(cannot).filter((name) => !cases.some((one) => one.name === name));
  if (strangers.length > 0) throw new Error(`${id} says that it cannot do what is no case: ${strangers.join(", ")}`);
  const left = cases.flatMap(({ name, needs }) => {
    if (cannot[name] !== undefined) return [[name, cannot[name]] as const];
    return needs !== undefined && !capabilities[needs] ? [[name, `its card says no to ${needs}`] as const] : [];
  });
  const reasons = new Map(left);
  let [version, passed, failed]: [string | undefined, number, number] = [undefined, 0, 0];

  describe.concurrent(`${harness.title}, the real program`, () => {
    beforeAll(async () => {
      version = await versionOf(harness);
      if (version === undefined)
        throw new Error(`${harness.title} is not installed for tests: run \`node scripts/real.ts\`.`);
    });
    for (const one of cases) {
      const reason = reasons.get(one.name);
      test.skipIf(reason !== undefined)(
        reason ? `${one.name}: cannot, for ${reason}` : titleOf(one),
        { timeout: timeLimitMs },
        async () => {
          failed += 1;
          await play({ harness, ways, one });
          failed -= 1;
          passed += 1;
        },
      );
    }
    afterAll(() => {
      const told = left.map(([name, reason]) => `${name}: ${reason}`).join("; ");
      const counts = [
        `${passed} passed`,
        ...(failed ? [`${failed} failed`] : []),
        ...(told ? [`${left.length} cannot (${told})`] : []),
      ];
      console.log(`${id} ${version}: ${counts.join(", ")}`);
    });
  });
}
