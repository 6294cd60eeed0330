/** Thousands of random requests to a real daemon: each is answered in time, none as a surprise, and the daemon stays well. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Corral, connect, isFault } from "@corral/client";
import type { Session, SessionEvent } from "@corral/protocol";
import { readLog } from "../cell/disk.ts";
import { House } from "../cell/house.ts";
import { noEvidence } from "../look/evidence.ts";
import { failuresOf } from "../look/invariants.ts";
import type { ProofContext, ProofRow } from "../proof.ts";
import { settle, settling } from "../runs/settle.ts";
import type { Chance } from "../seeded.ts";
import { send, wrongIn } from "./answers.ts";
import { type Known, type Sent, sentOf } from "./request.ts";

const sizes = { quick: 750, whole: 6_000 };
const atOnce = 8;
const poolSize = 3;
const lookEvery = 150;
/** What a daemon may hold after all that beyond what it held before; opened sessions are part of it. */
const growthBytes = 160 * 1024 * 1024;

const story = { name: "echo", turns: [{ steps: ["quote", { ask: "May I?" }] }] };

interface Field extends Omit<ProofContext, "corral"> {
  readonly house: House;
  readonly settleFile: string;
  readonly corral: Corral;
  readonly cwd: string;
  readonly failures: string[];
  readonly statuses: Map<number, number>;
  /** Requests that were sent and either answered or judged. */
  readonly tally: { requests: number };
}

const openOne = async ({ corral, cwd }: Field): Promise<string> => {
  const policy = { deadlineMs: 100, onExpire: "deny" as const };
  return (await corral.sessions.open({ agent: "scripted", cwd, policy, options: { story } })).id;
};

async function stateOf({ corral }: Field, session: string): Promise<Session | undefined> {
  try {
    return await corral.call("readSession", { params: { session } });
  } catch (error) {
    if (isFault(error, "session.missing")) return undefined; // One of the requests was to remove it.
    throw error;
  }
}

/** Sessions that are prompted are few, or every one of them would keep a harness. */
async function refill(field: Field, pool: readonly string[]): Promise<Known> {
  const states = await Promise.all(pool.map((id) => stateOf(field, id)));
  const open = states.flatMap((state) => (state && state.phase !== "closed" ? [state] : []));
  const fresh = await Promise.all(Array.from({ length: poolSize - open.length }, () => openOne(field)));
  return {
    token: field.house.token,
    cwd: field.cwd,
    sessions: [...open.map(({ id }) => id), ...fresh],
    turns: open.flatMap(({ turn, lastTurn, queue }) => [turn, lastTurn, ...queue].flatMap((one) => one?.id ?? [])),
    asks: open.flatMap(({ asks }) => asks.map(({ id }) => id)),
  };
}

async function fire({ house, clock, failures, statuses, tally }: Field, sent: Sent, at: number): Promise<void> {
  const heard = await send(Number(new URL(house.url).port), sent, clock);
  tally.requests += 1;
  for (const { status } of heard.replies) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  failures.push(...wrongIn(heard).map((says) => `case ${at} (${sent.what.slice(0, 160)}): ${says}`));
}

async function isWell({ house, failures }: Field, at: number): Promise<void> {
  if (!(await house.isAnswering(10_000))) failures.push(`after ${at} cases the daemon does not answer`);
}

async function fireAll(field: Field, chance: Chance, count: number): Promise<void> {
  let pool: readonly string[] = [];
  for (let from = 0; from < count && field.house.isAlive; from += lookEvery) {
    const known = await refill(field, pool);
    pool = known.sessions;
    const cases = Array.from({ length: Math.min(lookEvery, count - from) }, (_, at) => ({
      at: from + at,
      sent: sentOf(chance, known),
    }));
    const work = async () => {
      for (let next = cases.shift(); next; next = cases.shift()) await fire(field, next.sent, next.at);
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    await isWell(field, from + lookEvery);
  }
}

async function allSessions({ corral }: Field): Promise<readonly Session[]> {
  const sessions: Session[] = [];
  for await (const session of corral.sessions.list()) sessions.push(session);
  return sessions;
}

/** A removal that nobody has waited for may still be under way. */
async function closed({ corral }: Field, { id, phase }: Session): Promise<Session | undefined> {
  const params = { session: id };
  try {
    if (phase !== "closed") await corral.call("patchSession", { params, body: { closed: true } });
    return await corral.call("readSession", { params });
  } catch (error) {
    if (isFault(error, "session.missing")) return undefined;
    throw error;
  }
}

async function settleOne(field: Field, session: Session): Promise<readonly string[]> {
  const { id } = session;
  const state = await closed(field, session);
  const log: readonly SessionEvent[] = readLog(field.house.stateDir, id);
  if (!state || log.length === 0) return [];
  return failuresOf({ ...noEvidence, log, states: [state] }).map(
    ({ invariant, says }) => `invariant ${invariant}: ${id}: ${says}`,
  );
}

/** Whatever was said to them, sessions are whole, and each of their turns has ended once. */
async function judgeSessions(field: Field): Promise<ProofRow> {
  const left = [...(await allSessions(field))];
  const found: string[] = [];
  const work = async () => {
    for (let next = left.pop(); next; next = left.pop()) found.push(...(await settleOne(field, next)));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { name: "every turn of every session ended once", failures: found };
}

const settledBytes = async (field: Field): Promise<number> =>
  (await settle(field.house, field.settleFile, field)).residentBytes;

const megabytes = (bytes: number): number => Math.round(bytes / 1024 / 1024);

export interface Fuzzed {
  readonly rows: readonly ProofRow[];
  readonly figures: Readonly<Record<string, number | string>>;
}

async function fuzz(field: Field, chance: Chance): Promise<Fuzzed> {
  const { house, failures, statuses, quick, tally } = field;
  const count = quick ? sizes.quick : sizes.whole;
  const beforeBytes = await settledBytes(field);
  await fireAll(field, chance, count);
  field.tell(`fuzz: ${tally.requests} requests, ${failures.length} failures`);
  const sessions = await judgeSessions(field);
  const afterBytes = await settledBytes(field);
  const grown =
    afterBytes - beforeBytes > growthBytes
      ? [`memory grew from ${megabytes(beforeBytes)} to ${megabytes(afterBytes)} MB`]
      : [];
  const said = house.stderr.trim();
  const rows: ProofRow[] = [
    { name: "every request is answered in time, and none as a surprise", failures },
    sessions,
    {
      name: "the daemon is well afterwards",
      failures: [...grown, ...(said === "" ? [] : [`it said: ${said.slice(0, 2_000)}`])],
    },
  ];
  const told = [...statuses].sort(([a], [b]) => a - b).map(([status, times]) => `${status} × ${times}`);
  const figures = {
    requests: tally.requests,
    accepted: [...statuses].reduce((sum, [status, times]) => sum + (status < 300 ? times : 0), 0),
    answers: told.join(", "),
    "memory before MB": megabytes(beforeBytes),
    "memory after MB": megabytes(afterBytes),
  };
  return { rows, figures };
}

export async function fuzzHttp(context: ProofContext, chance: Chance): Promise<Fuzzed> {
  const folder = join(context.folder, "http");
  const cwd = join(folder, "work");
  await mkdir(cwd, { recursive: true });
  const settleFile = join(folder, "settled.json");
  const program = settling(context.corral, settleFile);
  await using house = await House.open({ ...context, corral: program, folder: join(folder, "house") });
  const { signal } = context;
  const corral = connect({ url: house.url, token: house.token, signal });
  const counts = { failures: [], statuses: new Map<number, number>(), tally: { requests: 0 } };
  return await fuzz({ ...context, house, settleFile, corral, cwd, ...counts }, chance);
}
