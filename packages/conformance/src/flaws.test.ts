/** The cases find what they are there to find: an agent with one flaw fails the cases about it, and no others. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Flaw, flaws } from "./agents/flaws.ts";
import { cardOf, isSound } from "./card.ts";
import { cases } from "./cases/index.ts";
import { findOut } from "./find-out.ts";
import { here } from "./here.conformance.ts";
import { isFor, playAll, type Result, type Subject } from "./play.ts";
import { referenceAgent } from "./reference.ts";

/** Where a flaw must be seen. Some are about what several cases need. */
const caughtBy: { readonly [Name in Flaw]: readonly string[] } = {
  "hangs-after-cancel": ["cancel-text"],
  "tool-survives-cancel": ["cancel-tool"],
  "leaves-child": ["close"],
  "ends-twice": ["ends"],
  "speaks-late": ["ends"],
  "forgets-on-load": ["load"],
  "drops-images": ["image"],
  "error-prose": ["error-400", "error-429", "error-500", "cut"],
  "repeats-on-retry": ["cut", "retried"],
  "counts-twice": ["usage"],
  "asks-without-waiting": ["permission-allowed", "permission-denied", "permission-unanswered"],
  "noisy-stdout": ["quiet"],
  "ignores-model": ["model"],
  "ignores-mode": ["mode"],
  "forgets-mcp": ["mcp"],
};

/** Played with every flaw, so that it is seen that a case fails for its own flaw only: one of each kind, for time's sake. */
const neighbours = ["image", "permission-denied", "cancel-text", "load", "retried", "usage", "ends", "quiet", "close"];

const limits = { timeout: 300_000 };

async function playWith(subject: Subject, names: readonly string[]): Promise<readonly Result[]> {
  return playAll({
    ...subject,
    cases: cases.filter(({ name }) => names.includes(name)),
    surroundings: here,
    jobs: 4,
    signal: new AbortController().signal,
    onResult: () => undefined,
  });
}

const named = (results: readonly Result[], verdict: Result["verdict"]): readonly string[] =>
  results.filter((one) => one.verdict === verdict).map(({ name }) => name);

const whys = (results: readonly Result[]): string =>
  results.flatMap(({ name, why, residue }) => (why || residue ? [`${name}: ${why ?? residue}`] : [])).join("\n");

describe("an agent that", () => {
  const sentences = (Object.entries(caughtBy) as [Flaw, readonly string[]][]).map(([flaw, meant]) => ({
    flaw,
    meant,
    sentence: `${flaws[flaw]} fails ${meant.join(" and ")}, and nothing else`,
  }));
  test.for(sentences)("$sentence", limits, async ({ flaw, meant }) => {
    const subject = await findOut(referenceAgent({ flaw }), here);
    const results = await playWith(subject, [...neighbours, ...meant]);
    expect(new Set(named(results, "failed")), `${flaws[flaw]}\n${whys(results)}`).toEqual(new Set(meant));
  });
});

const allNames = cases.map(({ name }) => name);

describe("the reference agent", () => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await findOut(referenceAgent(), here);
  });

  test("passes every case for programs, leaves nothing, and its card says so", limits, async () => {
    const results = await playWith(subject, allNames);
    expect(named(results, "passed"), whys(results)).toEqual(
      cases.filter((one) => isFor(one, subject)).map(({ name }) => name),
    );
    const card = cardOf(subject, results);
    expect(isSound(card)).toBe(true);
    expect(card).toMatchObject({
      title: "reference",
      version: "1.0.0",
      ...{ resume: "resume", load: true, fork: "fork", closeFreesProcesses: true, images: true, mcp: true },
      ...{ modelSwitch: true, modeSwitch: true, modes: ["build", "plan"], usage: true, residue: [] },
      permissionKinds: ["allow_once", "allow_always", "reject_once"],
      noise: { strayLines: 0, stderrLines: 0, stderrBytes: 0 },
    });
  });

  test("without a model passes what can be seen of it, and the rest is unseen with a reason", limits, async () => {
    const alone = await findOut(referenceAgent({ asksModel: false }), here);
    const results = await playWith(alone, allNames);
    const aboutModels = cases.filter((one) => isFor(one, alone) && one.asksModel).map(({ name }) => name);
    expect(named(results, "unseen"), whys(results)).toEqual(aboutModels);
    expect(named(results, "passed")).toHaveLength(results.length - aboutModels.length);
    expect(results.find(({ name }) => name === "image")?.why).toContain("asks no model");
  });
});

test.each([
  ["is not there", { command: "no-such-program" }, /could not be started/],
  ["does not speak the protocol", { command: "cat" }, /initialize/],
  [
    "does not ask the model that it was told of",
    { ...referenceAgent({ asksModel: false }), env: { SOMETHING: "{model}" } },
    /did not ask it/,
  ],
] as const)("a program that %s is refused with what to do", limits, async (_, agent, detail) => {
  const refused = findOut(agent, here);
  await expect(refused).rejects.toMatchObject({ code: "agent.unusable", message: expect.stringMatching(detail) });
  await expect(refused).rejects.toHaveProperty("help", expect.stringMatching(/\w/));
});
