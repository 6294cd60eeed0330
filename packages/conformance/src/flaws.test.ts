/** The cases find what they are there to find: an agent with one flaw fails the cases about it, and not those beside them. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Flaw, flaws } from "./agents/flaws.ts";
import { cardOf, isSound } from "./card.ts";
import { Aside, type Case, type Ways } from "./case.ts";
import { cases } from "./cases/index.ts";
import { findOut } from "./find-out.ts";
import { here } from "./here.conformance.ts";
import { isFor, playAll, type Result, type Subject } from "./play.ts";
import { commandHarness } from "./recipe.ts";
import { referenceAgent } from "./reference.ts";

interface Told {
  /** Where the flaw must be seen; some are about what several cases need. */
  readonly fails: readonly string[];
  /** What is near to it and must not mind. */
  readonly passes: readonly string[];
}

const told: { readonly [Name in Flaw]: Told } = {
  "tells-at-the-end": { fails: ["greet"], passes: ["think", "tool", "ends"] },
  "thinks-aloud": { fails: ["think"], passes: ["greet", "usage"] },
  "runs-nothing": { fails: ["tool", "permission-allowed", "cancel-tool"], passes: ["permission-denied", "ends"] },
  "holds-back": { fails: ["greet", "queue"], passes: ["quiet", "close"] },
  "forgets-on-resume": { fails: ["resume-exit", "resume-kill", "resume-daemon"], passes: ["load", "fork"] },
  "keeps-late": { fails: ["resume-kill", "resume-daemon"], passes: ["resume-exit", "load"] },
  "follows-its-origin": { fails: ["fork"], passes: ["resume-exit", "load"] },
  "hangs-after-cancel": { fails: ["cancel-text"], passes: ["cancel-tool", "ends"] },
  "tool-survives-cancel": { fails: ["cancel-tool"], passes: ["cancel-text", "tool"] },
  "leaves-child": { fails: ["close"], passes: ["greet", "quiet"] },
  "ends-twice": { fails: ["ends"], passes: ["usage", "tool", "quiet"] },
  "speaks-late": { fails: ["ends"], passes: ["usage", "quiet"] },
  "forgets-on-load": { fails: ["load"], passes: ["resume-exit", "fork"] },
  "drops-images": { fails: ["image"], passes: ["greet", "usage"] },
  "error-prose": { fails: ["error-400", "error-429", "error-500", "cut"], passes: ["retried", "ends"] },
  "repeats-on-retry": { fails: ["cut", "retried"], passes: ["error-400", "usage"] },
  "counts-twice": { fails: ["usage"], passes: ["greet", "retried"] },
  "asks-without-waiting": {
    fails: ["permission-allowed", "permission-denied", "permission-unanswered"],
    passes: ["tool", "cancel-tool"],
  },
  "noisy-stdout": { fails: ["quiet"], passes: ["ends", "close"] },
  "ignores-model": { fails: ["model"], passes: ["mode", "usage"] },
  "ignores-mode": { fails: ["mode"], passes: ["model", "usage"] },
  "forgets-mcp": { fails: ["mcp"], passes: ["tool", "close"] },
};

const limits = { timeout: 300_000 };

async function playWith(
  subject: Subject,
  names: readonly string[],
  from: readonly Case[] = cases,
): Promise<readonly Result[]> {
  return playAll({
    ...subject,
    cases: from.filter(({ name }) => names.includes(name)),
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
  // Not as a template, which would cut the sentences short.
  for (const [flaw, { fails, passes }] of Object.entries(told) as [Flaw, Told][])
    test(`${flaws[flaw]} fails ${fails.join(" and ")}, and not ${passes.join(" or ")}`, limits, async () => {
      const subject = await findOut(referenceAgent({ flaw }), here);
      const results = await playWith(subject, [...fails, ...passes]);
      const sorted = [named(results, "failed"), named(results, "passed")].map((names) => names.toSorted());
      expect(sorted, whys(results)).toEqual([fails.toSorted(), passes.toSorted()]);
    });
});

test("a driver that says it speaks a dialect which its program does not fails dialects", limits, async () => {
  const harness = commandHarness("program", referenceAgent());
  const optionsAt = (modelUrl: string) => ({ modelUrl });
  const ways: Ways = { dialect: "chat", alsoSpeaks: ["responses"], optionsAt };
  const [dialects] = await playWith({ harness, ways }, ["dialects"]);
  expect(dialects).toMatchObject({ verdict: "failed", why: expect.stringContaining("responses") });
  const [single] = await playWith({ harness, ways: { dialect: "chat", optionsAt } }, ["dialects"]);
  expect(single).toMatchObject({ verdict: "cannot", why: "it speaks one dialect" });
});

test.each([
  ["fails", new Error("it failed"), "failed"],
  ["sets itself aside", new Aside("cannot", "it is shared"), "cannot"],
] as const)("what a case leaves behind is seen also when it %s", limits, async (_, thrown, verdict) => {
  const untidy: Case = {
    name: "untidy",
    says: "a folder is left",
    async run(stage) {
      await mkdir(join(stage.root, "state", "sessions", "left-over"), { recursive: true });
      throw thrown;
    },
  };
  const subject = { harness: commandHarness("program", referenceAgent()), ways: { dialect: "chat" as const } };
  const [result] = await playWith(subject, ["untidy"], [untidy]);
  expect(result).toMatchObject({ verdict, why: thrown.message, residue: expect.stringContaining("left-over") });
});

test("for every case there is a flaw that it finds", () => {
  const found = new Set([...Object.values(told).flatMap(({ fails }) => fails), "dialects"]);
  expect(cases.map(({ name }) => name).filter((name) => !found.has(name))).toEqual([]);
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

test(
  "what an agent without a model makes of a conversation that it is told again is unseen, not passed",
  limits,
  async () => {
    const subject = await findOut({ ...referenceAgent({ asksModel: false }), restores: [] }, here);
    const [result] = await playWith(subject, ["resume-exit"]);
    expect(result).toMatchObject({ verdict: "unseen", observed: { resume: "replay" } });
  },
);

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
