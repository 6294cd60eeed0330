/** Hostile frames through a real daemon: the scripted agent writes them as stray lines in the middle of its turns. */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Corral, connect, type Session } from "@corral/client";
import { readLog } from "../cell/disk.ts";
import { House } from "../cell/house.ts";
import { noEvidence } from "../look/evidence.ts";
import { failuresOf } from "../look/invariants.ts";
import { residentBytes } from "../look/size.ts";
import type { ProofContext } from "../proof.ts";
import type { Chance } from "../seeded.ts";
import { linesOf, outsideName } from "./frames.ts";
import type { Fuzzed } from "./http.ts";

const sizes = { quick: 8, whole: 52 };
const linesEach = 40;
const atOnce = 3;
const turnBoundMs = 60_000;
const memoryBoundBytes = 700 * 1024 * 1024;
const lastWords = "I am still here.";

interface Field extends Pick<ProofContext, "clock" | "signal"> {
  readonly house: House;
  readonly corral: Corral;
  readonly folder: string;
  readonly failures: string[];
  readonly tally: { frames: number };
}

const storyOf = (lines: readonly string[]): object => {
  const steps = lines.map((text, at) => (at % 7 === 3 ? { say: `${at} ` } : { junk: text }));
  return { name: "hostile", turns: [{ steps }, { steps: [{ say: lastWords }] }] };
};

/** What was written in the first turn may still answer for the next one or two; afterwards it is quiet. */
async function comesBack(session: Session): Promise<boolean> {
  for (let left = 4; left > 0; left--) {
    const turn = await session.prompt("Are you there?", { timeoutMs: turnBoundMs });
    if (turn.outcome === "completed" && turn.output?.includes(lastWords)) return true;
  }
  return false;
}

async function provoke(
  { corral, folder, clock, house }: Field,
  at: number,
  chance: Chance,
): Promise<readonly string[]> {
  const cwd = join(folder, `frames-${at}`, "work");
  await mkdir(cwd, { recursive: true });
  const policy = { deadlineMs: 300, onExpire: chance.pick(["deny", "allow", "cancel"] as const) };
  const story = storyOf(linesOf(chance, linesEach));
  const session = await corral.sessions.open({ agent: "scripted", cwd, policy, options: { story } });
  const sinceMs = clock.monotonicMs();
  await session.prompt("Go", { timeoutMs: turnBoundMs });
  const tookMs = clock.monotonicMs() - sinceMs;
  const back = await comesBack(session);
  const state = await session.close();
  const evidence = { ...noEvidence, log: readLog(house.stateDir, session.id), states: [state] };
  return [
    ...(tookMs > turnBoundMs + 15_000 ? [`the turn took ${Math.round(tookMs)} ms`] : []),
    ...(back ? [] : ["the session did not come back to its senses"]),
    ...(existsSync(join(cwd, "..", outsideName)) ? ["a file was written outside the workspace"] : []),
    ...failuresOf(evidence).map(({ invariant, says }) => `invariant ${invariant}: ${says}`),
  ];
}

async function provokeAll(field: Field, chance: Chance, count: number): Promise<void> {
  const cases = Array.from({ length: count }, (_, at) => ({ at, chance: chance.branch() }));
  const work = async () => {
    for (let next = cases.shift(); next && field.house.isAlive; next = cases.shift()) {
      const { at } = next;
      try {
        const found = await provoke(field, at, next.chance);
        field.tally.frames += linesEach;
        field.failures.push(...found.map((says) => `session ${at}: ${says}`));
      } catch (error) {
        field.signal.throwIfAborted();
        field.failures.push(`session ${at}: ${String(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

export async function fuzzFrames(context: ProofContext, chance: Chance): Promise<Fuzzed> {
  const folder = join(context.folder, "frames");
  await mkdir(folder, { recursive: true });
  await using house = await House.open({ ...context, folder: join(folder, "house") });
  const { signal, quick, tell } = context;
  const corral = connect({ url: house.url, token: house.token, signal });
  const failures: string[] = [];
  const count = quick ? sizes.quick : sizes.whole;
  const tally = { frames: 0 };
  await provokeAll({ ...context, house, corral, folder, failures, tally }, chance, count);
  const well = await house.isAnswering(10_000);
  const bytes = residentBytes(house.pid);
  const said = house.stderr.trim();
  tell(`fuzz: ${tally.frames} frames in ${count} sessions, ${failures.length} failures`);
  const afterwards = [
    ...(well ? [] : ["the daemon does not answer"]),
    ...(bytes > memoryBoundBytes ? [`the daemon holds ${Math.round(bytes / 1024 / 1024)} MB`] : []),
    ...(said === "" ? [] : [`the daemon said: ${said.slice(0, 2_000)}`]),
  ];
  return {
    rows: [
      { name: "every turn ends once, whatever its harness writes", failures },
      { name: "the daemon is well after hostile frames", failures: afterwards },
    ],
    figures: { frames: tally.frames, "memory after frames MB": Math.round(bytes / 1024 / 1024) },
  };
}
