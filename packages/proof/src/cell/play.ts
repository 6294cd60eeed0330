/** Plays one cell: brings a session to its moment, strikes, goes on as people would, and gathers what there is to know. */
import type { SessionEvent, Turn, TurnId } from "@corral/protocol";
import { spillsOf } from "../look/canaries.ts";
import type { Evidence, Told } from "../look/evidence.ts";
import { type Failure, failuresOf } from "../look/invariants.ts";
import { carriersOf, isRunning, signal } from "../look/processes.ts";
import { bounds, type Fate, fateOf, patience } from "../matrix/fates.ts";
import { readLog } from "./disk.ts";
import { gatherLeft } from "./leftovers.ts";
import { prompts, type Reached, reach } from "./reach.ts";
import { changedOutside, note, open, pidIn, type Stage } from "./stage.ts";
import { signs } from "./story.ts";
import { type Struck, strike } from "./strike.ts";

const now = ({ house }: Stage): number => house.clock.monotonicMs();

/** The prompt after it all: what a person would do next. Asks of a story that is told again are allowed. */
async function goOn(stage: Stage): Promise<Turn> {
  note(stage, "the prompt afterwards");
  await open(stage, signs.go);
  const run = stage.session.prompt("Are you there?", { onAsk: () => "allow" });
  stage.notes.turns.push(await run.id);
  return run;
}

interface Timed {
  readonly tookMs: number;
  readonly promisedMs: number;
}

function expected(fate: Fate, end: SessionEvent | undefined): readonly string[] {
  if (end?.type !== "turn.ended") return [];
  const { outcome, fault } = end.data;
  const rightFault = fault === undefined || fate.faults.includes(fault.code);
  return [
    ...(fate.outcomes.includes(outcome) ? [] : [`the turn ended as ${outcome}, not as ${fate.outcomes.join(" or ")}`]),
    ...(rightFault ? [] : [`the turn ended with ${fault?.code}: ${fault?.detail}`]),
  ];
}

/** How long it may take before it is called a failure; what took longer than is promised is told in any case. */
function patientBound({ notes }: Stage, what: string, { tookMs, promisedMs }: Timed): number {
  if (tookMs > promisedMs) notes.slow.push(`${what} took ${tookMs} ms, promised are ${promisedMs}`);
  return promisedMs * patience;
}

async function awaitEnd(stage: Stage, { turn, sinceMs }: Struck): Promise<void> {
  const { notes, cell, witness } = stage;
  if (!turn) return;
  const fate = fateOf(cell);
  const end = await witness.until((event) => event.type === "turn.ended" && event.turn === turn);
  const tookMs = Math.max(0, Math.round(now(stage) - sinceMs));
  const boundMs = patientBound(stage, "the turn's end", { tookMs, promisedMs: bounds[fate.bound].ms });
  notes.ends.push({ turn, tookMs, boundMs });
  notes.surprises.push(...expected(fate, end));
  note(stage, `the turn ended after ${tookMs} ms`);
}

/** A client that was frozen goes on; one that follows a turn leaves when the turn has ended. */
async function dismissClients(stage: Stage): Promise<void> {
  for (const client of stage.clients) {
    signal(client.pid, "SIGCONT");
    if (prompts(stage)) await client.gone;
  }
}

async function spy(stage: Stage, { harness }: Pick<Reached, "harness"> = {}): Promise<void> {
  const { canaries, house, session, notes, cell } = stage;
  const state = await session.state();
  notes.states.push(state);
  const log = readLog(house.stateDir, session.id);
  const runs = log.flatMap((event) => (event.type === "harness.started" ? [event.data.run] : []));
  const without = cell.dies === "terminal" ? [await pidIn(stage, signs.tool)] : [];
  const { stateDir, pid: daemonPid, stderr } = house;
  notes.spills.push(...spillsOf(canaries, { stateDir, daemonPid, stderr, runs, without, starting: harness }));
}

const closeBoundMs = 10_000;

async function close(stage: Stage): Promise<void> {
  const sinceMs = now(stage);
  await stage.session.close();
  const tookMs = Math.round(now(stage) - sinceMs);
  const boundMs = patientBound(stage, "closing the session", { tookMs, promisedMs: closeBoundMs });
  stage.notes.closings.push({ what: "the session", tookMs, boundMs });
  note(stage, `closed after ${tookMs} ms`);
}

async function readPages({ corral, session }: Stage): Promise<Told> {
  const events: SessionEvent[] = [];
  for (let more = true; more; ) {
    const query = { after: String(events.at(-1)?.cursor ?? 0), limit: "200" };
    const page = await corral.call("readEvents", { params: { session: session.id }, query });
    events.push(...page.items);
    more = page.items.length > 0 && events.length < page.last;
  }
  return { who: "the pages of the log", events, whole: true };
}

async function gather(stage: Stage, afterwards: Turn): Promise<Evidence> {
  const { house, session, notes, witnesses, clients } = stage;
  await Promise.all(witnesses.map(({ done }) => done));
  await Promise.all(clients.map(({ gone }) => gone));
  const residue = await session.residue();
  notes.states.push(await session.state());
  const pages = await readPages(stage);
  const told = [
    ...witnesses.map(({ who, events }): Told => ({ who, events, whole: true })),
    ...clients.map(({ events }): Told => ({ who: "the client that was struck", events, whole: false })),
    pages,
  ];
  return {
    log: readLog(house.stateDir, session.id),
    states: notes.states,
    told,
    acknowledged: { turns: notes.turns, titles: notes.titles },
    crashes: notes.crashes,
    ends: notes.ends,
    afterwards: afterwards.outcome,
    closings: notes.closings,
    spills: [...new Set(notes.spills)],
    outside: await changedOutside(stage),
    residue,
    left: await gatherLeft(stage),
  };
}

/** Pids of everything that ever belonged to the daemon's sessions, for those who must clean up after a failure. */
export const belongings = ({ house }: Pick<Stage, "house">): readonly number[] =>
  carriersOf("CORRAL_OWNER", house.owner)
    .map(({ pid }) => pid)
    .filter(isRunning);

export interface Played {
  readonly failures: readonly Failure[];
  readonly log: readonly SessionEvent[];
  readonly turn?: TurnId;
}

/** What a daemon says on stderr of what it did not expect; a full disk is something to complain about. */
function complaints({ house, cell }: Stage, saidBefore: number): readonly string[] {
  if (cell.how === "full disk") return [];
  const lines = house.stderr.slice(saidBefore).split("\n");
  return lines
    .filter((line) => line.includes('"level":"error"'))
    .map((line) => `the daemon did not expect: ${line.slice(0, 600)}`);
}

export async function play(stage: Stage): Promise<Played> {
  const saidBefore = stage.house.stderr.length;
  const reached = await reach(stage);
  note(stage, "the moment is reached");
  await spy(stage, reached);
  const done = await strike(stage, reached);
  await awaitEnd(stage, done);
  await dismissClients(stage);
  const turn = await goOn(stage);
  await spy(stage);
  await close(stage);
  const evidence = await gather(stage, turn);
  await stage.session.remove();
  const surprises = [...stage.notes.surprises, ...complaints(stage, saidBefore)].map((says) => ({
    invariant: 0,
    says,
  }));
  return { failures: [...surprises, ...failuresOf(evidence)], log: evidence.log };
}
