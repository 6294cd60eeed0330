/** State is a fold of the log: one pure step per event, nothing remembered beside it. */
import type { Ask } from "./ask.ts";
import type { SessionUpdate } from "./content.ts";
import type { EventBody, SessionEvent } from "./event.ts";
import type { Phase, Session } from "./session.ts";
import { addUsage } from "./usage.ts";

type Step<Type extends SessionEvent["type"]> = (
  state: Session,
  event: Extract<SessionEvent, { type: Type }>,
) => Partial<Session>;

const phaseOf = ({ turn, asks }: Pick<Session, "turn" | "asks">): Phase => {
  if (!turn) return "idle";
  return asks.some(({ state }) => state === "open") ? "waiting" : "running";
};

/** Whatever a harness puts into a list, only objects may stand in that of a session. */
const records = (list: readonly unknown[]) =>
  list.filter((one): one is Record<string, unknown> => typeof one === "object" && one !== null && !Array.isArray(one));

type UpdateStep = (update: SessionUpdate, state: Session) => Partial<Session>;

/**
 * A harness speaks of its own settings and of itself in updates; these few are state, all others are only content. A map, since
 * the kind of an update is the harness's to choose, and an object answers to names such as "constructor".
 */
const updateSteps = new Map<string, UpdateStep>(
  Object.entries<UpdateStep>({
    available_commands_update: ({ availableCommands }) =>
      Array.isArray(availableCommands) ? { commands: records(availableCommands) } : {},
    config_option_update: ({ configOptions }) =>
      Array.isArray(configOptions) ? { configOptions: records(configOptions) } : {},
    current_mode_update: ({ currentModeId }) => (typeof currentModeId === "string" ? { mode: currentModeId } : {}),
    session_info_update: ({ title }, state) => (typeof title === "string" && !state.title ? { title } : {}),
    usage_update: ({ used, size, cost }) =>
      typeof used === "number" && typeof size === "number"
        ? { context: { used, size, ...(cost === undefined || cost === null ? {} : { cost }) } }
        : {},
  }),
);

const foldUpdate = (state: Session, update: SessionUpdate): Partial<Session> =>
  updateSteps.get(update.sessionUpdate)?.(update, state) ?? {};

/** Leaves out what an event carries as undefined, so that it cannot wipe what was known. */
const known = <Some extends object>(some: Some) =>
  Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined)) as Partial<Session>;

const askOf = (body: EventBody<"turn.asked">, event: Extract<SessionEvent, { type: "turn.asked" }>): Ask[] => {
  const { ask, ...rest } = body;
  return event.turn ? [{ ...rest, id: ask, turn: event.turn, askedAt: event.at, state: "open" }] : [];
};

const answered = (asks: Session["asks"], { ask, outcome }: EventBody<"turn.answered">): Session["asks"] =>
  outcome === "parked"
    ? asks.map((one) => (one.id === ask ? { ...one, state: "parked" as const } : one))
    : asks.filter(({ id }) => id !== ask);

const steps: { readonly [Type in SessionEvent["type"]]: Step<Type> } = {
  "session.opened": () => ({}),
  "session.configured": (_, { data }) => known(data),
  "session.renamed": (_, { data }) => ({ title: data.title }),
  "session.updated": (state, { data }) => (data.stale ? {} : foldUpdate(state, data.update)),
  "session.closed": () => ({ phase: "closed", asks: [], queue: [] }),
  "harness.installed": () => ({}),
  "harness.started": (_state, { data }) => {
    const { native, configOptions, modes: _modes, can = [], ...harness } = data;
    return { native, harness: { ...harness, can: [...can] }, ...(configOptions ? { configOptions } : {}) };
  },
  "harness.exited": (state, { data }) =>
    (state.harness?.run === data.run ? { harness: undefined } : {}) as Partial<Session>,
  "harness.stalled": () => ({}),
  "harness.notice": () => ({}),
  "turn.queued": (state, { turn, at, cursor }) =>
    turn ? { queue: [...state.queue, { id: turn, queuedAt: at, cursor }] } : {},
  "turn.started": (state, { turn, at }) => {
    const queued = state.queue.find(({ id }) => id === turn);
    if (!turn) return {};
    return {
      queue: state.queue.filter(({ id }) => id !== turn),
      turn: { id: turn, startedAt: at, cursor: queued?.cursor ?? 0 },
    };
  },
  "turn.updated": (state, { data }) => foldUpdate(state, data.update),
  "turn.steered": () => ({}),
  "turn.asked": (state, event) => ({ asks: [...state.asks, ...askOf(event.data, event)] }),
  "turn.answered": (state, { data }) => ({ asks: answered(state.asks, data) }),
  "turn.ended": (state, { turn, at, data }) => {
    if (!turn) return {};
    const { usage, ...end } = data;
    return {
      turn: state.turn?.id === turn ? undefined : state.turn,
      queue: state.queue.filter(({ id }) => id !== turn),
      asks: state.asks.filter((ask) => ask.turn !== turn || ask.state === "parked"),
      turns: state.turns + 1,
      lastTurn: { id: turn, endedAt: at, ...end },
      usage: usage ? addUsage(state.usage, usage) : state.usage,
    } as Partial<Session>;
  },
  "run.residue": () => ({}),
};

function open(event: Extract<SessionEvent, { type: "session.opened" }>): Session {
  const { data, session, at, cursor } = event;
  const { labels = {}, secretNames = [], ...settings } = data;
  const empty = { queue: [], asks: [], turns: 0, usage: {} };
  return {
    ...settings,
    ...empty,
    labels,
    secretNames,
    id: session,
    phase: "idle",
    createdAt: at,
    updatedAt: at,
    cursor,
  };
}

/** Absent is absent: a field that a step set to undefined is taken out, so that a state and its JSON are the same thing. */
function settle(state: Session, changes: Partial<Session>, event: SessionEvent): Session {
  const next: Session = { ...state, ...changes, cursor: event.cursor, updatedAt: event.at };
  for (const name of Object.keys(changes) as (keyof Session)[]) if (next[name] === undefined) delete next[name];
  return next;
}

/** One step. The first event must be `session.opened`; a kind that this release does not know changes nothing but the cursor. */
export function fold(state: Session | undefined, event: SessionEvent): Session {
  if (event.type === "session.opened") return open(event);
  if (!state) throw new Error(`a session's log starts with session.opened, not with ${event.type}`);
  const step = Object.hasOwn(steps, event.type) ? (steps[event.type] as Step<SessionEvent["type"]>) : undefined;
  const next = settle(state, step?.(state, event as never) ?? {}, event);
  if (next.phase === "closed") return next;
  const phase = phaseOf(next);
  return phase === next.phase ? next : { ...next, phase };
}

export const foldAll = (events: Iterable<SessionEvent>, from?: Session): Session | undefined => {
  let state = from;
  for (const event of events) state = fold(state, event);
  return state;
};
