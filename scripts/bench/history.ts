/** Logs of sessions as they would be after long use, written straight into a store. */
import type { Store } from "@corral/kernel";
import { type Draft, eventId, fold, makeId, type Session, type SessionEvent, type SessionId } from "@corral/protocol";

const born = 1_790_000_000_000;
const at = new Date(born).toISOString();
const updatesOfTurn = 97;
const batch = 1_000;

const sessionId = (number: number): SessionId => makeId("session", born + number, new Uint8Array(16).fill(7));
const turnId = (number: number) => makeId("turn", born + number, new Uint8Array(16).fill(9));

const policy = { permissions: "ask", rules: [], deadlineMs: 600_000, onExpire: "deny" } as const;

const opening: Draft = {
  type: "session.opened",
  source: "person",
  data: { agent: "scripted", cwd: "/", policy: { ...policy, rules: [] } },
};

function* turn(number: number): Generator<Draft> {
  const id = turnId(number);
  yield { type: "turn.queued", turn: id, source: "person", data: { prompt: [{ type: "text", text: "go on" }] } };
  yield { type: "turn.started", turn: id, source: "daemon", data: {} };
  for (let word = 0; word < updatesOfTurn; word += 1) {
    const update = { sessionUpdate: "agent_message_chunk", content: { type: "text", text: `word ${word} ` } };
    yield { type: "turn.updated", turn: id, source: "agent", data: { update } };
  }
  yield { type: "turn.ended", turn: id, source: "daemon", data: { outcome: "completed", stopReason: "end_turn" } };
}

function* drafts(): Generator<Draft> {
  yield opening;
  for (let number = 0; ; number += 1) yield* turn(number);
}

/** The first so many events of a session. */
export function* eventsOf(number: number, count: number): Generator<SessionEvent> {
  const session = sessionId(number);
  let cursor = 0;
  for (const draft of drafts()) {
    cursor += 1;
    if (cursor > count) return;
    yield { id: eventId(session, cursor), cursor, session, at, ...draft } as SessionEvent;
  }
}

/** Writes one session with its snapshot, as a daemon would have left it. */
export async function writeSession(store: Store, number: number, count: number): Promise<SessionId> {
  const subject = sessionId(number);
  let state: Session | undefined;
  let entries: string[] = [];
  let expected = 0;
  for (const event of eventsOf(number, count)) {
    state = fold(state, event);
    entries.push(JSON.stringify(event));
    if (event.cursor % batch !== 0 && event.cursor !== count) continue;
    const last = event.cursor === count ? { snapshot: JSON.stringify(state) } : {};
    await store.append({ subject, expected, entries, ...last });
    expected = event.cursor;
    entries = [];
  }
  return subject;
}

/** Reads a whole log in pages and folds it, as if there were no snapshot. */
export async function foldWhole(store: Store, subject: string): Promise<Session | undefined> {
  let state: Session | undefined;
  for (let cursor = 0; ; ) {
    const { items } = await store.read(subject, { after: cursor, limit: 1_000 });
    for (const { text } of items) state = fold(state, JSON.parse(text) as SessionEvent);
    const last = items.at(-1)?.cursor;
    if (last === undefined) return state;
    cursor = last;
  }
}
