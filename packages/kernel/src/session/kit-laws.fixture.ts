/** What holds for the log of any session, whatever was played in it: the invariants, looked at after the fact. */
import { eventSchema, foldAll, isClean, type SessionEvent, type SessionId, type Turn } from "@corral/protocol";
import { expect } from "vitest";
import type { Kernel, SessionHandle } from "../kernel.ts";
import type { Store } from "../ports/store.ts";
import { foldTurn } from "./history.ts";

const isEnding = ({ type }: SessionEvent): boolean => type === "turn.ended";

export async function logOf(store: Store, id: SessionId): Promise<readonly SessionEvent[]> {
  const events: SessionEvent[] = [];
  for (;;) {
    const { items } = await store.read(id, { after: events.length, limit: 1000 });
    if (items.length === 0) return events;
    for (const { text } of items) events.push(JSON.parse(text) as SessionEvent);
  }
}

export async function checkLog(kernel: Kernel, store: Store, id: SessionId): Promise<void> {
  const head = await store.head(id);
  if (!head) return;
  const session = await kernel.sessions.find(id);
  const state = session.state();
  // The harness may say something while we read: the state that we hold it against is that of the cursor we saw.
  const events = (await logOf(store, id)).slice(0, state.cursor);
  expect(events.map(({ cursor }) => cursor)).toEqual(events.map((_, at) => at + 1));
  for (const event of events) expect(eventSchema.safeParse(event).error, JSON.stringify(event)).toBeUndefined();
  expect(state).toEqual(foldAll(events));
  if (head.snapshot)
    expect(JSON.parse(head.snapshot.text)).toEqual(foldAll((await logOf(store, id)).slice(0, head.snapshot.cursor)));
  checkTurns(events, new Set([...state.queue.map(({ id: turn }) => turn), ...(state.turn ? [state.turn.id] : [])]));
  await checkTold(session, events);
  checkAsks(events, new Set(state.asks.map(({ id: ask }) => ask)));
  checkRuns(events);
}

/** Every turn is queued, perhaps started, and ends once; nothing but a late answer belongs to it after that. */
function checkTurns(events: readonly SessionEvent[], active: ReadonlySet<string>): void {
  for (const turn of new Set(events.flatMap((event) => event.turn ?? []))) {
    const own = events.filter((event) => event.turn === turn);
    expect(own[0]?.type).toBe("turn.queued");
    expect(own.filter(({ type }) => type === "turn.started").length).toBeLessThanOrEqual(1);
    expect(own.filter(isEnding).length, `ends of ${turn}`).toBe(active.has(turn) ? 0 : 1);
    const late = own.slice(own.findIndex(isEnding) + 1).filter(({ type }) => type !== "turn.answered");
    if (!active.has(turn)) expect(late).toEqual([]);
    if (!active.has(turn)) checkTools(own);
  }
}

/** What has ended is told alike by whoever was there and by the log. */
async function checkTold(session: SessionHandle, events: readonly SessionEvent[]): Promise<void> {
  for (const { turn } of events.filter(isEnding)) {
    if (!turn) continue;
    const own = events.filter((event) => event.turn === turn);
    expect(await session.turn(turn)).toEqual(own.reduce<Turn | undefined>(foldTurn, undefined));
  }
}

/** A tool call that begins in a turn ends in it, if need be by our own word. */
function checkTools(own: readonly SessionEvent[]): void {
  const open = new Set<unknown>();
  for (const event of own) {
    if (event.type !== "turn.updated" || !event.data.update.sessionUpdate.startsWith("tool_call")) continue;
    const { toolCallId, status } = event.data.update;
    if (status === "completed" || status === "failed") open.delete(toolCallId);
    else open.add(toolCallId);
  }
  expect([...open]).toEqual([]);
}

/** An ask is answered once, or parked and then answered once. */
function checkAsks(events: readonly SessionEvent[], open: ReadonlySet<string>): void {
  const answers = events.flatMap((event) => (event.type === "turn.answered" ? [event.data] : []));
  const asked = events.flatMap((event) => (event.type === "turn.asked" ? [event.data.ask] : []));
  for (const ask of asked) {
    const own = answers.filter((answer) => answer.ask === ask);
    const parked = own.filter(({ outcome }) => outcome === "parked").length;
    expect(own.length, `answers of ${ask}`).toBe(parked + (open.has(ask) ? 0 : 1));
    expect(parked).toBeLessThanOrEqual(1);
  }
  for (const { ask } of answers) expect(asked).toContain(ask);
}

/** One harness at a time, none leaves anything behind, and of each one that has ended that is told once. */
function checkRuns(events: readonly SessionEvent[]): void {
  let alive: string | undefined;
  for (const event of events) {
    if (event.type === "harness.started") {
      expect(alive).toBeUndefined();
      alive = event.data.run;
    }
    if (event.type === "harness.exited" && event.data.run === alive) alive = undefined;
    if (event.type === "run.residue") expect(isClean(event.data), JSON.stringify(event.data)).toBe(true);
  }
  const told = events.flatMap((event) => (event.type === "run.residue" ? [event.data.run] : []));
  expect(new Set(told).size).toBe(told.length);
  for (const event of events) if (event.type === "harness.exited") expect(told).toContain(event.data.run);
}
