/** A log for naive implementations: events in their places, written by hand. */
import {
  type Draft,
  defaultAskPolicy,
  eventId,
  makeId,
  type SessionEvent,
  type SessionId,
  type TurnId,
} from "@corral/protocol";

const chance = (seed: number) => Uint8Array.from({ length: 16 }, (_, at) => seed * 31 + at);
export const session: SessionId = makeId("session", 0, chance(1));
export const turnNamed = (number: number): TurnId => makeId("turn", number, chance(number));
export const ask = makeId("ask", 0, chance(2));

/** An event in its place; who writes at the wrong place has nobody to stop them. */
export const placed = ({ type, data, turn, source }: Draft, cursor: number): SessionEvent =>
  ({
    id: eventId(session, cursor),
    cursor,
    session,
    at: new Date(cursor).toISOString(),
    source,
    type,
    data,
    ...(turn ? { turn } : {}),
  }) as SessionEvent;

export const opened: Draft = {
  type: "session.opened",
  source: "person",
  data: { agent: "naive", cwd: "/", policy: defaultAskPolicy },
};

export const queued = (turn: TurnId): Draft => ({ type: "turn.queued", turn, source: "person", data: { prompt: [] } });
export const started = (turn: TurnId): Draft => ({ type: "turn.started", turn, source: "daemon", data: {} });
export const ended = (turn: TurnId, outcome: "completed" | "cancelled" | "lost"): Draft => ({
  type: "turn.ended",
  turn,
  source: "daemon",
  data: { outcome },
});
export const said = (turn: TurnId, text: string): Draft => ({
  type: "turn.updated",
  turn,
  source: "agent",
  data: { update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text } } },
});
export const asked = (turn: TurnId): Draft => ({
  type: "turn.asked",
  turn,
  source: "agent",
  data: {
    ask,
    kind: "permission",
    title: "May I?",
    options: [],
    deadlineAt: new Date(0).toISOString(),
    onExpire: "deny",
  },
});

export const write = (drafts: readonly Draft[]): readonly SessionEvent[] =>
  drafts.map((draft, at) => placed(draft, at + 1));
