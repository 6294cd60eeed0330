/** One session as a program holds it: prompt it, answer it, follow it, put it away. */
import {
  type Answer,
  type Ask,
  type ContentBlock,
  fold,
  type Item,
  type ResidueRecord,
  type SessionEvent,
  type SessionId,
  type Session as SessionState,
  type Turn,
} from "@corral/protocol";
import type { CallOf, CallOptions } from "./call.ts";
import { type FollowOptions, follow, type Road } from "./follow.ts";
import { pagesOf } from "./pages.ts";
import { type AnswerWords, type PromptOptions, runTurn, type TurnRun } from "./turn-run.ts";

export type Prompt = string | readonly ContentBlock[];
type ForkRequest = NonNullable<CallOf<"forkSession">["body"]>;
type Patch = NonNullable<CallOf<"patchSession">["body"]>;

export interface Session {
  readonly id: SessionId;
  state(): Promise<SessionState>;
  /** Awaited: the ended turn. Iterated: its events. A busy session queues it. */
  prompt(prompt: Prompt, options?: PromptOptions): TurnRun;
  turn(turn: string): Promise<Turn>;
  /** Every event once, in order, across cuts and restarts; ends when the session is closed or removed. */
  events(options?: FollowOptions): AsyncIterable<SessionEvent>;
  /** Calls with the state as it is, and again after each event; resolves when the session is closed or removed. */
  follow(onState: OnState, options?: Pick<FollowOptions, "signal">): Promise<void>;
  asks(): Promise<readonly Ask[]>;
  answer(ask: Ask | string, answer: AnswerWords, options?: CallOptions): Promise<SessionState>;
  /** Ends the running turn, if there is one. */
  cancel(): Promise<Turn | undefined>;
  /** Says something into the running turn, where the harness can take it. */
  steer(prompt: Prompt, options?: CallOptions): Promise<SessionState>;
  fork(request?: ForkRequest, options?: CallOptions): Promise<Session>;
  rename(title: string): Promise<SessionState>;
  configure(settings: Omit<Patch, "closed" | "title">): Promise<SessionState>;
  close(): Promise<SessionState>;
  remove(): Promise<void>;
  transcript(options?: { readonly after?: number; readonly signal?: AbortSignal }): AsyncIterable<Item>;
  residue(): Promise<readonly ResidueRecord[]>;
}

/** `event` is what led to the state; absent the first time, and when history was trimmed. */
export type OnState = (state: SessionState, event?: SessionEvent) => void | Promise<void>;

const blocksOf = (prompt: Prompt): string | ContentBlock[] => (typeof prompt === "string" ? prompt : [...prompt]);

const answerOf = (words: AnswerWords): Answer => (typeof words === "string" ? { decision: words } : words);

export function createSession(road: Road, id: SessionId): Session {
  const { call } = road.wire;
  const params = { session: id };
  const state = () => call("readSession", { params });
  const patch = (body: Patch) => call("patchSession", { params, body });
  const asks = async () => (await call("listAsks", { params })).items;
  const answer: Session["answer"] = (ask, words, options) => {
    const which = { ...params, ask: typeof ask === "string" ? ask : ask.id };
    return call("answerAsk", { params: which, body: answerOf(words) }, options);
  };
  return {
    id,
    state,
    asks,
    answer,
    prompt: (prompt, options) => runTurn({ road, session: id, asks, answer }, prompt, options),
    turn: (turn) => call("readTurn", { params: { ...params, turn } }),
    events: (options) => follow(road, id, options),
    follow: (onState, options) => followState(road, id, onState, options),
    async cancel() {
      const { turn } = await state();
      return turn && call("cancelTurn", { params: { ...params, turn: turn.id } });
    },
    steer: (prompt, options) => call("steerTurn", { params, body: { prompt: blocksOf(prompt) } }, options),
    fork: async (body = {}, options) => createSession(road, (await call("forkSession", { params, body }, options)).id),
    rename: (title) => patch({ title }),
    configure: patch,
    close: () => patch({ closed: true }),
    remove: () => call("removeSession", { params }),
    transcript: ({ after, signal } = {}) =>
      pagesOf(after === undefined ? undefined : String(after), (from) =>
        call("readTranscript", { params, query: { after: from } }, signal ? { signal } : {}),
      ),
    residue: async () => (await call("readResidue", { params })).items,
  };
}

async function followState(
  road: Road,
  session: SessionId,
  onState: OnState,
  { signal }: Pick<FollowOptions, "signal"> = {},
): Promise<void> {
  const aborts = signal ? { signal } : {};
  const read = () => road.wire.call("readSession", { params: { session } }, aborts);
  let [state, stale] = [await read(), false];
  const onResync = () => {
    stale = true;
  };
  await onState(state);
  for await (const event of follow(road, session, { after: state.cursor, onResync, ...aborts })) {
    if (stale) {
      [state, stale] = [await read(), false];
      await onState(state);
    }
    if (event.cursor <= state.cursor) continue; // The state that was read already knows it.
    state = fold(state, event);
    await onState(state, event);
  }
}
