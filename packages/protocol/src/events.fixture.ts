/** A log for tests of folds: drafts get their cursors, times and ids, and come out as they would from the wire. */
import { type Draft, eventId, type SessionEvent } from "./event.ts";
import { type AskId, type IdKind, makeId, type RunId, type SessionId, type TurnId } from "./ids.ts";

const born = 1_790_000_000_000;
const idOf = <Kind extends IdKind>(kind: Kind, at: number) => makeId(kind, born + at, new Uint8Array(16).fill(at));

export const session: SessionId = idOf("session", 0);
export const turnIds: readonly TurnId[] = Array.from({ length: 9 }, (_, at) => idOf("turn", at));
export const askIds: readonly AskId[] = Array.from({ length: 9 }, (_, at) => idOf("ask", at));
export const runs: readonly RunId[] = Array.from({ length: 9 }, (_, at) => idOf("run", at));

export const timeAt = (cursor: number): string => new Date(born + cursor * 1000).toISOString();

/** Any draft, also of kinds and fields that this release does not know. */
export type LooseDraft = Omit<Draft, "type" | "data" | "source"> & {
  readonly type: string;
  readonly data: unknown;
  readonly source?: string;
};

export const logOf = (drafts: readonly LooseDraft[], after = 0): readonly SessionEvent[] =>
  drafts.map((draft, at) => {
    const cursor = after + at + 1;
    const event = { id: eventId(session, cursor), cursor, session, at: timeAt(cursor), source: "daemon", ...draft };
    return JSON.parse(JSON.stringify(event)) as SessionEvent;
  });

export const opened: LooseDraft = {
  type: "session.opened",
  data: {
    agent: "scripted",
    cwd: "/project",
    policy: { permissions: "ask", rules: [], deadlineMs: 600_000, onExpire: "deny" },
  },
};

const first = turnIds[0]!;
export const queued = (text: string, turn: TurnId = first): LooseDraft => ({
  type: "turn.queued",
  turn,
  source: "person",
  data: { prompt: [{ type: "text", text }] },
});
export const started = (turn: TurnId = first): LooseDraft => ({ type: "turn.started", turn, data: {} });
export const said = (update: Readonly<Record<string, unknown>>, turn: TurnId = first): LooseDraft => ({
  type: "turn.updated",
  turn,
  source: "agent",
  data: { update },
});
export const ended = (more: Readonly<Record<string, unknown>> = {}, turn: TurnId = first): LooseDraft => ({
  type: "turn.ended",
  turn,
  data: { outcome: "completed", ...more },
});
export const text = (words: string, more: Readonly<Record<string, unknown>> = {}) => ({
  sessionUpdate: "agent_message_chunk",
  content: { type: "text", text: words },
  ...more,
});
export const asked = (at: number, turn: TurnId = first): LooseDraft => ({
  type: "turn.asked",
  turn,
  source: "agent",
  data: {
    ask: askIds[at],
    kind: "permission",
    title: `Ask ${at}`,
    options: [{ optionId: "yes", name: "Yes", kind: "allow_once" }],
    deadlineAt: timeAt(1000),
    onExpire: "deny",
  },
});
export const answered = (at: number, outcome = "selected", turn: TurnId = first): LooseDraft => ({
  type: "turn.answered",
  turn,
  source: "person",
  data: { ask: askIds[at], by: "person", outcome },
});
