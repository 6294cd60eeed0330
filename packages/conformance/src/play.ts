/** Plays cases with one harness, each on a stage of its own, and says of each what became of it. */

import type { CustomAgent } from "@corral/drivers";
import { type Harness, systemClock } from "@corral/kernel";
import { Aside, type Case, type Observed, type Recipe, type Ways } from "./case.ts";
import { unlessAborted, within } from "./ear.ts";
import type { Surroundings } from "./house.ts";
import { hasProcessTable } from "./outside.ts";
import { commandHarness } from "./recipe.ts";
import { Stage, timeLimitMs } from "./stage.ts";

export const verdicts = ["passed", "failed", "cannot", "unseen"] as const;
export type Verdict = (typeof verdicts)[number];

export interface Result {
  readonly name: string;
  readonly says: string;
  readonly verdict: Verdict;
  readonly why?: string;
  readonly tookMs: number;
  readonly observed: Observed;
  /** What was left of it when its sessions were closed. */
  readonly residue?: string;
}

/** Whose cases are played. */
export interface Subject {
  readonly harness: Harness;
  readonly ways: Ways;
  readonly version?: string;
  /** Of a program without a driver, its description. */
  readonly agent?: CustomAgent;
}

interface Reason {
  readonly verdict: "cannot" | "unseen";
  readonly why: string;
}

const cannot = (why: string): Reason => ({ verdict: "cannot", why });
const unseen = (why: string): Reason => ({ verdict: "unseen", why });

/** Why a case is not played at all; absent where it is. */
export function reasonAgainst(
  { name, needs, claims, asksModel, anyWords, manyDialects, looksAtProcesses }: Case,
  { harness, ways }: Subject,
): Reason | undefined {
  const { found } = ways;
  const known = harness.cannot?.[name];
  if (known !== undefined) return cannot(known);
  if (needs !== undefined && !harness.capabilities[needs])
    return cannot(found ? `it does not offer ${needs}` : `its card says no to ${needs}`);
  if (manyDialects && !ways.alsoSpeaks?.length) return cannot("it speaks one dialect");
  if (looksAtProcesses && !hasProcessTable) return unseen("this system has no table of processes to look at");
  if (found && claims !== undefined && !found.claims.includes(claims)) return cannot(`it does not offer ${claims}`);
  if (found && !found.understands && !anyWords) return unseen("it does not do as the words of the prompts say");
  return found && !found.asksModel && asksModel ? unseen("it asks no model that could be looked at") : undefined;
}

export const isFor = ({ only }: Case, { agent }: Pick<Subject, "agent">): boolean =>
  only === undefined || only === (agent ? "command" : "driver");

export interface PlayNeed extends Subject {
  readonly surroundings: Surroundings;
  readonly signal: AbortSignal;
}

function stageFor(one: Case, { harness, ways, agent, surroundings }: PlayNeed): Promise<Stage> {
  if (!agent) return Stage.open({ harness, ways, surroundings });
  const changed = { ...agent, ...one.agent };
  const recipe: Recipe = { agent: changed };
  return Stage.open({ harness: commandHarness(harness.id, changed), ways, surroundings, recipe });
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What is left of a stage when its sessions are closed; absent where nothing is. */
export async function residueOf(stage: Stage): Promise<string | undefined> {
  try {
    await stage.check();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

type Played = Pick<Result, "verdict" | "observed" | "why" | "residue">;

/** Whatever became of the case, nothing of it may be left. */
async function playAndLook(stage: Stage, one: Case, signal: AbortSignal): Promise<Played> {
  const played = await playOn(stage, one, signal);
  const residue = await residueOf(stage);
  return residue === undefined ? played : { ...played, residue };
}

async function playOn(stage: Stage, one: Case, signal: AbortSignal): Promise<Played> {
  const { observed } = stage;
  try {
    const played = unlessAborted(one.run(stage), signal);
    await within(played, () => `the end of ${one.name}`, timeLimitMs);
    return { verdict: "passed", observed };
  } catch (error) {
    signal.throwIfAborted();
    const verdict = error instanceof Aside ? error.verdict : "failed";
    return { verdict, observed, why: messageOf(error) };
  }
}

export async function playCase(one: Case, need: PlayNeed): Promise<Result> {
  const { name, says } = one;
  const reason = reasonAgainst(one, need);
  if (reason) return { name, says, tookMs: 0, observed: {}, ...reason };
  const sinceMs = systemClock.monotonicMs();
  const played = await onStage(one, need);
  return { name, says, tookMs: Math.round(systemClock.monotonicMs() - sinceMs), ...played };
}

async function onStage(one: Case, need: PlayNeed): Promise<Played> {
  let played: Played | undefined;
  try {
    await using stage = await stageFor(one, need);
    played = await playAndLook(stage, one, need.signal);
    return played;
  } catch (error) {
    need.signal.throwIfAborted();
    // A stage that cannot be taken down is a defect too; what the case found out before counts more.
    return played?.verdict === "failed" ? played : { verdict: "failed", observed: {}, why: messageOf(error) };
  }
}

export interface AllNeed extends PlayNeed {
  readonly cases: readonly Case[];
  /** How many are played at a time. */
  readonly jobs: number;
  readonly onResult: (result: Result) => void;
}

/** Resolves with the results in the order of the cases. */
export async function playAll(need: AllNeed): Promise<readonly Result[]> {
  const wanted = need.cases.filter((one) => isFor(one, need));
  const results = new Map<Case, Result>();
  const waiting = [...wanted];
  const work = async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const result = await playCase(one, need);
      results.set(one, result);
      need.onResult(result);
    }
  };
  // Whoever is interrupted takes down all stages first.
  const ends = await Promise.allSettled(Array.from({ length: need.jobs }, work));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return wanted.flatMap((one) => results.get(one) ?? []);
}
