/** One round of torture: sessions that stream, followers on bad roads, a daemon that dies twice; and what everybody saw. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { connect, isFault, type Session } from "@corral/client";
import { sleep } from "@corral/kernel";
import type { Turn } from "@corral/protocol";
import { readTexts } from "../cell/disk.ts";
import { House } from "../cell/house.ts";
import { type Crash, noEvidence, type Told } from "../look/evidence.ts";
import { failuresOf } from "../look/invariants.ts";
import type { ProofContext } from "../proof.ts";
import type { Chance } from "../seeded.ts";
import { differences } from "./compare.ts";
import { Visitor, ways } from "./follower.ts";
import { openRoad, type Road, type Tally } from "./road.ts";
import { story } from "./story.ts";
import { dam, storm } from "./weather.ts";

export interface RoundSize {
  readonly sessions: number;
  readonly prompts: number;
  readonly followers: number;
  readonly kills: number;
}

export interface RoundNeed extends Pick<ProofContext, "corral" | "hostEnv" | "clock" | "folder"> {
  readonly chance: Chance;
  readonly size: RoundSize;
  readonly signal: AbortSignal;
}

export interface Round {
  readonly failures: readonly string[];
  readonly events: number;
  /** Events that followers were told, repeats among them. */
  readonly told: number;
  readonly visits: number;
  readonly road: Tally;
}

interface Played {
  readonly session: Session;
  readonly prompts: string[];
  readonly turns: Turn[];
  readonly crashes: Crash[];
}

interface Scene extends RoundNeed {
  readonly house: House;
  readonly rough: Road;
  readonly blocked: Road;
  readonly played: readonly Played[];
  /** Whoever has come so far. */
  readonly visitors: Visitor[];
}

/** So much faster than ours goes the time of those who prompt, who have to wait for a daemon that starts again. */
const haste = 4;
const patiently = { patienceMs: 600_000 };

const clientOf = ({ house, clock, signal }: Pick<Scene, "house" | "clock" | "signal">, road: Road) =>
  connect({
    url: road.url,
    token: house.token,
    signal,
    sleep: (delayMs, options) => sleep(clock, delayMs / haste, options),
  });

async function openSessions(need: RoundNeed, house: House, road: Road): Promise<readonly Played[]> {
  const corral = clientOf({ ...need, house }, road);
  const cwd = join(need.folder, "work");
  await mkdir(cwd, { recursive: true });
  const opening = Array.from({ length: need.size.sessions }, async (_, at): Promise<Played> => {
    const body = { agent: "scripted", cwd, title: `Torture ${at}`, options: { story } };
    const session = await corral.sessions.open(body, patiently);
    return { session, prompts: [], turns: [], crashes: [] };
  });
  return Promise.all(opening);
}

/** A client that has lost its patience asks again under the same key, which never prompts twice. */
async function promptOnce({ session }: Played, text: string, key: string): Promise<Turn> {
  for (;;) {
    try {
      return await session.prompt(text, { onAsk: () => "allow", key });
    } catch (error) {
      if (!isFault(error, "daemon.unreachable")) throw error;
    }
  }
}

async function promptAll(one: Played, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const text = `Prompt ${at}`;
    one.prompts.push(text);
    one.turns.push(await promptOnce(one, text, `${one.session.id}-${at}`));
  }
}

async function visit(scene: Scene, at: number, { session }: Played): Promise<Visitor> {
  const { house, rough, blocked, clock, signal, visitors } = scene;
  const chance = scene.chance.branch();
  const isBlocked = at === scene.size.followers - 1;
  const way = isBlocked ? "sse" : (ways[at % ways.length] ?? "sse");
  await sleep(clock, chance.below(400), { signal });
  const known = await clientOf(scene, rough).call("readSession", { params: { session: session.id } }, patiently);
  const visitor = new Visitor({
    who: `follower ${at} of ${session.id} (${isBlocked ? "sse behind a dam" : way})`,
    way,
    url: isBlocked ? blocked.url : rough.url,
    token: house.token,
    session: session.id,
    after: chance.maybe(0.5) ? 0 : chance.below(known.cursor + 1),
    chance,
    clock,
    signal,
  });
  visitors.push(visitor);
  return visitor.stay();
}

/** Kills the daemon in the middle of things, and starts it again after a while. */
async function killNow({ house, chance, clock, signal, played }: Scene): Promise<void> {
  await house.kill();
  for (const { session, crashes } of played) crashes.push({ cursor: readTexts(house.stateDir, session.id).length });
  await sleep(clock, chance.below(400), { signal });
  await house.start();
}

async function killAlong(scene: Scene): Promise<void> {
  const { size, played, chance, clock, signal } = scene;
  const all = size.sessions * size.prompts;
  for (let kill = 1; kill <= size.kills; kill++) {
    const due = Math.floor((all * kill) / (size.kills + 1));
    const begun = () => played.reduce((sum, { prompts }) => sum + prompts.length, 0);
    while (begun() < due) await sleep(clock, 5, { signal });
    await sleep(clock, chance.below(500), { signal });
    await killNow(scene);
  }
}

const acceptable = new Set(["completed", "lost"]);

async function judge(scene: Scene, one: Played, visitors: readonly Visitor[]): Promise<readonly string[]> {
  const { session, prompts, turns, crashes } = one;
  const texts = readTexts(scene.house.stateDir, session.id);
  const log = texts.map((text) => JSON.parse(text));
  const told = visitors
    .filter(({ need }) => need.session === session.id)
    .map((visitor): Told => {
      const events = visitor.texts.map((text) => JSON.parse(text));
      return { who: visitor.need.who, events, whole: visitor.need.after === 0 };
    });
  const acknowledged = { turns: turns.map(({ id }) => id), titles: [] };
  const state = await clientOf(scene, scene.rough).call(
    "readSession",
    { params: { session: session.id } },
    { patienceMs: 600_000 },
  );
  const evidence = { ...noEvidence, log, told, acknowledged, crashes, states: [state] };
  const queued = log.filter(({ type }) => type === "turn.queued").length;
  const odd = turns.filter(({ outcome }) => !acceptable.has(outcome ?? ""));
  return [
    ...failuresOf(evidence).map(({ invariant, says }) => `invariant ${invariant}: ${session.id}: ${says}`),
    ...(queued === prompts.length ? [] : [`${prompts.length} prompts became ${queued} turns of ${session.id}`]),
    ...odd.map(({ id, outcome, fault }) => `${id} ended as ${outcome} (${fault?.code}: ${fault?.detail})`),
  ];
}

async function drive(scene: Scene): Promise<void> {
  const { played, size } = scene;
  await Promise.all([...played.map((one) => promptAll(one, size.prompts)), killAlong(scene)]);
  await Promise.all(played.map(({ session }) => session.close()));
}

async function torture(scene: Scene): Promise<Round> {
  const { played, size, house, rough } = scene;
  const visiting = played.flatMap((one) => Array.from({ length: size.followers }, (_, at) => visit(scene, at, one)));
  const [visitors] = await Promise.all([Promise.all(visiting), drive(scene)]);
  const logs = new Map(played.map(({ session }) => [session.id, readTexts(house.stateDir, session.id)]));
  const compared = visitors.flatMap((visitor) => differences(visitor.account, logs.get(visitor.need.session) ?? []));
  const judged = await Promise.all(played.map((one) => judge(scene, one, visitors)));
  return {
    failures: [...compared, ...judged.flat()],
    events: [...logs.values()].reduce((sum, log) => sum + log.length, 0),
    told: visitors.reduce((sum, { texts }) => sum + texts.length, 0),
    visits: visitors.reduce((sum, { visits }) => sum + visits, 0),
    road: rough.tally,
  };
}

/** How far everybody was, for the reader of a round that did not end. */
function standOf({ played, visitors, house }: Scene): string {
  const sessions = played.map(({ session, prompts, turns }) => {
    const { length } = readTexts(house.stateDir, session.id);
    return `${session.id}: ${turns.length} of ${prompts.length} turns ended, ${length} events`;
  });
  const people = visitors.map(({ need: { who }, cursor, visits }) => `${who} at ${cursor} in visit ${visits}`);
  return `(${[...sessions, ...people].join("; ")})`;
}

export async function playRound(need: RoundNeed): Promise<Round> {
  const { clock, chance } = need;
  await using house = await House.open({ ...need, folder: join(need.folder, "house") });
  const port = Number(new URL(house.url).port);
  const drawn = chance.branch();
  await using rough = await openRoad({ port, clock, passage: () => storm(drawn) });
  await using blocked = await openRoad({ port, clock, passage: dam });
  // Whatever ends the round ends everybody in it.
  await using ends = new AsyncDisposableStack();
  const over = new AbortController();
  ends.defer(() => over.abort(new Error("the round is over")));
  const signal = AbortSignal.any([need.signal, over.signal]);
  const played = await openSessions({ ...need, signal }, house, rough);
  const scene: Scene = { ...need, signal, house, rough, blocked, played, visitors: [] };
  try {
    return await torture(scene);
  } catch (error) {
    throw new Error(`${String(error)} ${standOf(scene)}`, { cause: error });
  }
}
