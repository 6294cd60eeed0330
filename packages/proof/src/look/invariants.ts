/** The ten invariants as checks over evidence: each answers what is wrong, and nothing when it holds. */
import { isDeepStrictEqual } from "node:util";
import { foldAll, isClean, type SessionEvent, type TurnId } from "@corral/protocol";
import type { Evidence, Told } from "./evidence.ts";

export interface Invariant {
  readonly number: number;
  readonly name: string;
  readonly broken: (evidence: Evidence) => readonly string[];
}

const when = (wrong: boolean, says: string): readonly string[] => (wrong ? [says] : []);

function outlives({ afterwards, states, log }: Evidence): readonly string[] {
  return [
    ...when(afterwards !== "completed", `the prompt after it ended as ${afterwards ?? "nothing: it never ended"}`),
    ...when(log.length > 0 && states.length === 0, "the session could not be read afterwards"),
  ];
}

function dense({ log }: Evidence): readonly string[] {
  const hole = log.findIndex(({ cursor }, at) => cursor !== at + 1);
  const ids = new Set(log.map(({ id }) => id));
  return [
    ...when(hole >= 0, `in place ${hole + 1} of the log is cursor ${log[hole]?.cursor}`),
    ...when(ids.size !== log.length, `${log.length - ids.size} events share an id`),
  ];
}

const differing = (a: object, b: object): readonly string[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (key) => !isDeepStrictEqual(Reflect.get(a, key), Reflect.get(b, key)),
  );

const folds = ({ log, states }: Evidence): readonly string[] =>
  states.flatMap((state) => {
    const fields = differing(foldAll(log.slice(0, state.cursor)) ?? {}, state);
    return when(
      fields.length > 0,
      `the state at ${state.cursor} and the fold of the log differ in ${fields.join(", ")}`,
    );
  });

function toldRight({ who, events, whole }: Told, log: readonly SessionEvent[]): readonly string[] {
  const first = events[0]?.cursor ?? 1;
  const gap = events.findIndex(({ cursor }, at) => cursor !== first + at);
  const foreign = events.find((event) => !isDeepStrictEqual(event, log[event.cursor - 1]));
  return [
    ...when(gap >= 0, `${who} was told ${events[gap]?.cursor} after ${events[gap - 1]?.cursor}`),
    ...when(
      foreign !== undefined,
      `${who} was told event ${foreign?.cursor} (${foreign?.type}), which is not in the log`,
    ),
    ...when(whole && events.length !== log.length, `${who} was told ${events.length} of ${log.length} events`),
  ];
}

function appendedFirst({ log, told, acknowledged: { turns, titles } }: Evidence): readonly string[] {
  const queued = new Set(log.flatMap(({ type, turn }) => (type === "turn.queued" && turn ? [turn] : [])));
  const renamed = new Set(log.flatMap((event) => (event.type === "session.renamed" ? [event.data.title] : [])));
  return [
    ...told.flatMap((one) => toldRight(one, log)),
    ...turns.filter((turn) => !queued.has(turn)).map((turn) => `${turn} was acknowledged and is not in the log`),
    ...titles
      .filter((title) => !renamed.has(title))
      .map((title) => `"${title}" was acknowledged and is not in the log`),
  ];
}

const turnsIn = (log: readonly SessionEvent[]): readonly TurnId[] =>
  log.flatMap(({ type, turn }) => (type === "turn.queued" && turn ? [turn] : []));

function oneEnd({ log, ends }: Evidence): readonly string[] {
  const counts = turnsIn(log).map((turn) => ({
    turn,
    count: log.filter((event) => event.type === "turn.ended" && event.turn === turn).length,
  }));
  const asked = log.flatMap((event) => (event.type === "turn.asked" ? [event.data.ask] : []));
  const answered = new Set(log.flatMap((event) => (event.type === "turn.answered" ? [event.data.ask] : [])));
  return [
    ...counts.filter(({ count }) => count !== 1).map(({ turn, count }) => `${turn} has ${count} ends`),
    ...asked.filter((ask) => !answered.has(ask)).map((ask) => `${ask} was never settled`),
    ...ends
      .filter(({ tookMs, boundMs }) => tookMs > boundMs)
      .map(({ turn, tookMs, boundMs }) => `${turn} took ${tookMs} ms to its end, more than ${boundMs}`),
  ];
}

function lostFirst({ log, crashes }: Evidence): readonly string[] {
  const wrong: string[] = [];
  const excused = new Set<TurnId>();
  for (const { cursor } of crashes) {
    const running = foldAll(log.slice(0, cursor))?.turn?.id;
    if (!running) continue;
    excused.add(running);
    const end = log.findIndex(({ type, turn }, at) => at >= cursor && type === "turn.ended" && turn === running);
    const early = log.slice(cursor, end < 0 ? undefined : end).find(({ synthetic }) => !synthetic);
    const outcome = log[end]?.type === "turn.ended" ? Reflect.get(log[end].data, "outcome") : "nothing";
    wrong.push(
      ...when(outcome !== "lost", `${running} was running when the daemon died and ended as ${outcome}`),
      ...when(early !== undefined, `${early?.type} was taken before the lost turn was ended`),
    );
  }
  const lost = log.filter((event) => event.type === "turn.ended" && event.data.outcome === "lost");
  const queued = new Set(
    crashes.flatMap(({ cursor }) => foldAll(log.slice(0, cursor))?.queue.map(({ id }) => id) ?? []),
  );
  const baseless = lost.find(({ turn }) => turn && !excused.has(turn) && !queued.has(turn));
  return [...wrong, ...when(baseless !== undefined, `${baseless?.turn} is called lost, but no daemon died`)];
}

/** A harness that has started ends, its residue is told, and the session closes after both. */
function closesInOrder({ log, closings }: Evidence): readonly string[] {
  const closed = log.findIndex(({ type }) => type === "session.closed");
  const exits = new Map(log.flatMap((event, at) => (event.type === "harness.exited" ? [[event.data.run, at]] : [])));
  const wrong = log.flatMap((event) => {
    if (event.type !== "harness.started") return [];
    const exit = exits.get(event.data.run);
    if (exit === undefined) return [`the end of ${event.data.run} was never told`];
    return when(closed >= 0 && exit > closed, `${event.data.run} ended after its session was closed`);
  });
  return [
    ...wrong,
    ...when(closed >= 0 && closed !== log.length - 1, "something was appended after the session was closed"),
    ...closings.flatMap(({ what, tookMs, boundMs, code }) => [
      ...when(tookMs > boundMs, `closing ${what} took ${tookMs} ms, more than ${boundMs}`),
      ...when(code !== undefined && code !== 0, `${what} left with code ${code}`),
    ]),
  ];
}

function leavesNothing({ left, residue, log }: Evidence): readonly string[] {
  const told = log.flatMap((event) => (event.type === "run.residue" ? [event.data] : []));
  const dirty = [...residue, ...told].filter((one) => !isClean(one));
  const started = log.flatMap((event) => (event.type === "harness.started" ? [event.data.run] : []));
  const counts = started.map((run) => ({ run, count: told.filter((one) => one.run === run).length }));
  return [
    ...left,
    ...dirty.map((one) => `the residue of ${one.run} is ${JSON.stringify(one)}`),
    ...counts
      .filter(({ count }) => count !== 1)
      .map(({ run, count }) => `the residue of ${run} was told ${count} times`),
  ];
}

export const invariants: readonly Invariant[] = [
  { number: 1, name: "a session outlives its process, its harness and its viewer", broken: outlives },
  { number: 2, name: "cursors are dense and start at one", broken: dense },
  { number: 3, name: "state is fold(log)", broken: folds },
  { number: 4, name: "nothing is told before it is appended", broken: appendedFirst },
  { number: 5, name: "a turn has exactly one end, within a bound", broken: oneEnd },
  { number: 6, name: "after a crash the running turn is lost before anything new is taken", broken: lostFirst },
  { number: 7, name: "things close in order, and closing never hangs", broken: closesInOrder },
  { number: 8, name: "no secret is where it is not needed", broken: ({ spills }) => spills },
  { number: 9, name: "a path given to a workspace never leaves it", broken: ({ outside }) => outside },
  { number: 10, name: "a run leaves nothing behind, and says so", broken: leavesNothing },
];

export interface Failure {
  /** 0 is for what a cell itself expected. */
  readonly invariant: number;
  readonly says: string;
}

export const failuresOf = (evidence: Evidence): readonly Failure[] =>
  invariants.flatMap(({ number, broken }) => broken(evidence).map((says) => ({ invariant: number, says })));
