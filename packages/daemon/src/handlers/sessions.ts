/** Answers for the table of sessions and their turns. */
import type { SessionHandle } from "@corral/kernel";
import { Fault, type sessions, type Turn, type TurnId } from "@corral/protocol";
import { HungUp } from "../exchange.ts";
import { Answered, type Handlers, type HandlersNeed, present } from "./handler.ts";

const usualPage = { sessions: 50, events: 100, items: 100 };

interface Wait {
  readonly signal: AbortSignal;
  readonly onDisconnect?: "keep" | "cancel" | undefined;
}

/** Waits for a turn's end; a caller who hangs up takes the turn along when the request said so. */
async function endOf(session: SessionHandle, turn: TurnId, { signal, onDisconnect }: Wait): Promise<Turn> {
  try {
    return await session.ended(turn, { signal });
  } catch (error) {
    if (onDisconnect === "cancel" && signal.reason instanceof HungUp) return session.cancel(turn);
    throw error;
  }
}

/** Said before the first byte of a stream: afterwards a refusal could only be a cut. */
function refuseAhead(session: SessionHandle, after: number): void {
  const { cursor } = session.state();
  if (after <= cursor) return;
  throw new Fault("cursor.ahead", {
    detail: `The cursor ${after} is beyond the newest event, ${cursor}.`,
    help: "Start again from 0, or from a cursor that this session has told.",
    more: { after, last: cursor },
  });
}

type Named = keyof typeof sessions;

type SomeHandlers<Name extends Named> = Pick<Handlers<typeof sessions>, Name>;

const oneHandlers = ({
  kernel,
}: HandlersNeed): SomeHandlers<
  "openSession" | "listSessions" | "readSession" | "patchSession" | "removeSession" | "forkSession"
> => ({
  openSession: async ({ body, keyed }) => kernel.sessions.open(body, keyed),
  listSessions: async ({ query }) => {
    const { items, next } = await kernel.sessions.list({
      ...present({ after: query?.after }),
      limit: query?.limit ?? usualPage.sessions,
    });
    return { items: [...items], next };
  },
  readSession: async ({ params }) => (await kernel.sessions.find(params.session)).state(),
  patchSession: async ({ params, body }) => (await kernel.sessions.find(params.session)).change(body),
  removeSession: async ({ params }) => {
    await kernel.sessions.remove(params.session);
    return undefined;
  },
  forkSession: async ({ params, body, keyed }) =>
    (await kernel.sessions.find(params.session)).fork(present(body), keyed),
});

const turnHandlers = ({
  kernel,
}: HandlersNeed): SomeHandlers<"startTurn" | "readTurn" | "cancelTurn" | "steerTurn"> => ({
  startTurn: async ({ params, query, body, keyed, signal }) => {
    const session = await kernel.sessions.find(params.session);
    const turn = await session.prompt(body, { ...keyed, patient: query.wait === true });
    if (!query.wait) return turn;
    return new Answered(200, await endOf(session, turn.id, { signal, onDisconnect: query.onDisconnect }));
  },
  readTurn: async ({ params, query, signal }) => {
    const session = await kernel.sessions.find(params.session);
    return query.wait ? session.ended(params.turn, { signal }) : session.turn(params.turn);
  },
  cancelTurn: async ({ params }) => (await kernel.sessions.find(params.session)).cancel(params.turn),
  steerTurn: async ({ params, body, keyed }) => (await kernel.sessions.find(params.session)).steer(body.prompt, keyed),
});

const recordHandlers = ({ kernel }: HandlersNeed): SomeHandlers<"readEvents" | "readTranscript" | "readResidue"> => ({
  readEvents: async ({ params, query, signal }) => {
    const session = await kernel.sessions.find(params.session);
    const { after = 0, limit = usualPage.events, waitMs } = query;
    refuseAhead(session, after);
    return {
      page: () => session.read({ after, limit, signal, ...present({ waitMs }) }),
      follow: (options) => session.follow(after, options),
    };
  },
  readTranscript: async ({ params, query }) => {
    const session = await kernel.sessions.find(params.session);
    const { after = 0, limit = usualPage.items } = query;
    const { items, next } = await session.transcript({ after, limit });
    return { items: [...items], next };
  },
  readResidue: async ({ params }) => ({ items: [...(await (await kernel.sessions.find(params.session)).residue())] }),
});

export const sessionsHandlers = (need: HandlersNeed): Handlers<typeof sessions> => ({
  ...oneHandlers(need),
  ...turnHandlers(need),
  ...recordHandlers(need),
});
