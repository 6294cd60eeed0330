/** Plays the common cases with one real harness, and sums them up in one line. */

import { harnesses } from "@corral/drivers";
import type { Harness } from "@corral/kernel";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Aside, type Case, type Ways } from "./case.ts";
import { cases } from "./cases/index.ts";
import { here } from "./here.conformance.ts";
import { installedVersion } from "./installed.ts";
import { waysOf } from "./known.ts";
import { isFor, messageOf, reasonAgainst, residueOf } from "./play.ts";
import { Stage, timeLimitMs } from "./stage.ts";

/** Answers with the reason why the case says nothing of this harness, if it finds one. */
async function play({ harness, ways, one }: { harness: Harness; ways: Ways; one: Case }): Promise<string | undefined> {
  await using stage = await Stage.open({ harness, ways, surroundings: here });
  let aside: string | undefined;
  try {
    await one.run(stage);
  } catch (error) {
    if (!(error instanceof Aside)) throw await withResidue(error, stage);
    aside = error.message;
  }
  await stage.check();
  return aside;
}

/** The failure of a case, and what it has left behind besides. */
async function withResidue(error: unknown, stage: Stage): Promise<unknown> {
  const residue = await residueOf(stage);
  return residue === undefined ? error : new Error(`${messageOf(error)}\nIt left behind: ${residue}`, { cause: error });
}

/** Begun first: mostly they wait for a harness that tries again, while others make use of the machine. */
const patient = new Set(["cut", "error-429", "error-500"]);
const inOrder: readonly Case[] = [
  ...cases.filter(({ name }) => patient.has(name)),
  ...cases.filter(({ name }) => !patient.has(name)),
];

const titleOf = ({ name, says, rows = [] }: Case): string =>
  `${name}: ${says}${rows.length > 0 ? ` (${rows.join(", ")})` : ""}`;

export interface Summary {
  /** The harness and its version. */
  readonly name: string;
  /** How often each case was begun. */
  readonly tries: ReadonlyMap<string, number>;
  readonly passed: ReadonlySet<string>;
  /** The cases that were left out, and why. */
  readonly left: readonly (readonly [string, string])[];
  readonly seconds: number;
}

/** All of it in one line; a case that needed a second try is named, for it is a defect that waits to be found. */
export function summaryLine({ name, tries, passed, left, seconds }: Summary): string {
  const failed = [...tries.keys()].filter((one) => !passed.has(one));
  const again = [...passed].filter((one) => (tries.get(one) ?? 0) > 1);
  const counts = [
    `${passed.size} passed${again.length > 0 ? `, ${again.length} of them at the second try (${again.join(", ")})` : ""}`,
    ...(failed.length > 0 ? [`${failed.length} failed (${failed.join(", ")})`] : []),
    ...(left.length > 0 ? [`${left.length} cannot (${left.map((one) => one.join(": ")).join("; ")})`] : []),
  ];
  return `${name}: ${counts.join(", ")}; ${Math.round(seconds)} s`;
}

/** With names, only these cases are played. */
export function realHarness(id: string, ways: Ways = waysOf(id), names?: readonly string[]): void {
  const harness = harnesses.find((one) => one.id === id);
  if (!harness) throw new Error(`The registry of harnesses has no ${id}.`);
  const { cannot = {} } = harness;
  const strangers = Object.keys(cannot).filter((name) => !cases.some((one) => one.name === name));
  if (strangers.length > 0) throw new Error(`${id} says that it cannot do what is no case: ${strangers.join(", ")}`);
  const unknown = names?.filter((name) => !cases.some((one) => one.name === name)) ?? [];
  if (unknown.length > 0) throw new Error(`There are no such cases: ${unknown.join(", ")}`);
  const played = inOrder.filter((one) => isFor(one, {}) && (names?.includes(one.name) ?? true));
  const left = played.flatMap((one) => {
    const reason = reasonAgainst(one, { harness, ways });
    return reason ? [[one.name, reason.why] as const] : [];
  });
  const reasons = new Map(left);
  const tries = new Map<string, number>();
  const passed = new Set<string>();
  const sinceMs = performance.now();
  let version: string | undefined;

  describe.concurrent(`${harness.title}, the real program`, () => {
    beforeAll(async () => {
      // What is missing was to be installed before, while there still was a network.
      version = await installedVersion(harness, here);
    });
    for (const one of played) {
      const reason = reasons.get(one.name);
      test.skipIf(reason !== undefined)(
        reason ? `${one.name}: cannot, for ${reason}` : titleOf(one),
        { timeout: timeLimitMs },
        async ({ skip }) => {
          tries.set(one.name, (tries.get(one.name) ?? 0) + 1);
          const why = await play({ harness, ways, one });
          if (why !== undefined) {
            tries.delete(one.name);
            left.push([one.name, why]);
            skip(why);
          }
          passed.add(one.name);
        },
      );
    }
    afterAll(() => {
      const seconds = (performance.now() - sinceMs) / 1000;
      console.log(summaryLine({ name: `${ways.called ?? id} ${version}`, tries, passed, left, seconds }));
    });
  });
}
