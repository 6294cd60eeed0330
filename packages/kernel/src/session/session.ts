/** One session, alive: takes one command at a time, plays one turn at a time, and outlives its harness, its process and its viewers. */
import {
  type Answer,
  type Ask,
  type AskId,
  allows,
  type ContentBlock,
  type Draft,
  Fault,
  type PatchSession,
  type ResidueRecord,
  type Session,
  type SessionVerb,
  type StartTurn,
  type Turn,
  type TurnId,
} from "@corral/protocol";
import type { Keyed, PromptOptions, SessionHandle } from "../kernel.ts";
import type { FollowStep } from "../log/chunk.ts";
import type { Page } from "../ports/store.ts";
import { settlesWithin } from "../process/waiting.ts";
import { Asks } from "./asks.ts";
import { Attachment } from "./attachment.ts";
import { type Desk, newId, stateOf } from "./desk.ts";
import { readAskFault, readEndedRuns, readTranscript } from "./history.ts";
import { createLane } from "./lane.ts";
import { goOnWith } from "./parked.ts";
import { claim, type Stamp } from "./receipts.ts";
import {
  cancelledInQueue,
  cannotSteer,
  changesOf,
  comesTooLate,
  leaving,
  noAnswer,
  queueFull,
  secretsLost,
  sessionClosed,
  sessionMissing,
  stopping,
  wrongPhase,
} from "./refusals.ts";
import { faultOf } from "./turn.ts";
import { type Ending, TurnQueue } from "./turn-queue.ts";
import { createTurnReader, type TurnReader } from "./turn-reader.ts";

export interface SessionNeed extends Desk {
  /** Makes a session of its own out of this one's history; it belongs to those who keep all sessions. */
  readonly fork: (from: LiveSession, cursor: number, request: ForkRequest, stamp: Stamp) => Promise<Session>;
  /** It has something to do again, should it have been put away. */
  readonly woken: (live: LiveSession) => void;
  readonly checkSecrets: (secrets: Readonly<Record<string, string>> | undefined) => void;
}

export type ForkRequest = Parameters<SessionHandle["fork"]>[0];

export class LiveSession implements SessionHandle {
  readonly #need: SessionNeed;
  readonly #lane = createLane((error) => comesTooLate(error, this.id, this.log.ended));
  readonly #asks: Asks;
  readonly #attachment: Attachment;
  readonly #turns: TurnReader;
  readonly #queue: TurnQueue;

  constructor(need: SessionNeed) {
    this.#need = need;
    const turns = createTurnReader(need.view.log);
    need.view.watch((events) => turns.hear(events));
    this.#turns = turns;
    this.#asks = new Asks(need);
    this.#attachment = new Attachment({
      ...need,
      turn: () => (this.#queue.turn?.listening ? this.#queue.turn : undefined),
      ask: (question, options) => this.#asks.ask(this.#queue.turn, question, options),
      unkept: (error) => this.#unkept(error),
    });
    const [lane, attachment, asks] = [this.#lane, this.#attachment, this.#asks];
    this.#queue = new TurnQueue({ ...need, lane, attachment, asks, woken: () => need.woken(this) });
    if (this.state().phase === "closed") need.view.log.end("session.closed");
  }

  get id() {
    return this.#need.id;
  }

  get attachment(): Attachment {
    return this.#attachment;
  }

  get log() {
    return this.#need.view.log;
  }

  /** Whether it can be put away: nobody follows it, nothing runs, and all it knows is on the disk. */
  get atRest(): boolean {
    const { followers, pending } = this.log;
    return (
      !this.#queue.playing && !this.#attachment.connection && followers + pending === 0 && !this.#need.secrets.values
    );
  }

  state(): Session {
    return stateOf(this.#need);
  }

  asks(): readonly Ask[] {
    return this.state().asks;
  }

  prompt(request: StartTurn, { key, patient }: PromptOptions = {}): Promise<Turn> {
    return this.#lane.run(async () => {
      const { answered, receipt } = await this.#claim<Turn>("prompt", request, key);
      if (answered) return answered;
      this.#check("prompt");
      this.#checkRoom();
      const [id, cursor] = [newId(this.#need, "turn"), this.log.next];
      const told = ({ queue }: Session): Turn => {
        return { id, session: this.id, state: queue.some((one) => one.id === id) ? "queued" : "running", cursor };
      };
      const { prompt, timeoutMs } = request;
      const queued = { prompt: [...prompt], ...(timeoutMs === undefined ? {} : { timeoutMs }) };
      await this.#queue.add({ id, queued, receipt: receipt && ((state) => receipt(told(state))), patient });
      this.#turns.begins({ id, cursor });
      return told(this.state());
    });
  }

  async turn(turn: TurnId): Promise<Turn> {
    const { turn: current, queue } = this.state();
    for (const one of [current, ...queue]) if (one?.id === turn) this.#turns.begins(one);
    return this.#turns.read(turn);
  }

  async ended(
    turn: TurnId,
    { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Turn> {
    for (;;) {
      while (this.#isActive(turn)) {
        // After what the state shows, not after what is on the disk: the end may be there and not be told yet.
        await this.log.arrival(this.state().cursor, { signal });
        signal.throwIfAborted();
        if (this.log.ended === "session.removed") throw sessionMissing(this.id);
        if (this.log.ended === "daemon.stopping" && this.#isActive(turn)) throw stopping();
      }
      const now = await this.turn(turn);
      signal.throwIfAborted();
      if (now.state === "ended") return now;
    }
  }

  async cancel(turn: TurnId): Promise<Turn> {
    // Not in the lane: what keeps the lane may be the very harness that has to be ended.
    const stopped = () => {
      const running = this.#queue.turn?.id === turn ? this.#queue.turn : undefined;
      running?.stop({ outcome: "cancelled" });
      return running !== undefined;
    };
    if (!stopped())
      await this.#lane.run(async () => {
        if (stopped()) return;
        if (this.state().queue.some(({ id }) => id === turn)) await this.#record([cancelledInQueue(turn)]);
      });
    return this.ended(turn);
  }

  steer(prompt: readonly ContentBlock[], { key }: Keyed = {}): Promise<Session> {
    return this.#lane.run(async () => {
      const { answered, receipt } = await this.#claim<Session>("steer", prompt, key);
      if (answered) return answered;
      this.#check("steer");
      const { connection } = this.#attachment;
      const { turn } = this.#queue;
      if (!connection?.steer || !turn?.open) throw cannotSteer(this.state().agent);
      await this.#answered(connection.steer(prompt));
      if (!turn.open) throw wrongPhase(this.state().phase, "steer");
      const draft: Draft = { type: "turn.steered", turn: turn.id, source: "person", data: { prompt: [...prompt] } };
      await this.#need.view.append([draft], { receipt });
      return this.state();
    });
  }

  answer(ask: AskId, answer: Answer, { key }: Keyed = {}): Promise<Session> {
    return this.#lane.run(async () => {
      const { answered, receipt } = await this.#claim<Session>(`answer ${ask}`, answer, key);
      if (answered) return answered;
      const known = this.state().asks.find(({ id }) => id === ask);
      if (!known) throw await readAskFault(this.log, ask);
      this.#check("answer");
      if (known.state === "parked") await this.#unpark(known, answer, receipt);
      else await this.#asks.answer(known, answer, receipt);
      return this.state();
    });
  }

  change(patch: PatchSession): Promise<Session> {
    if (patch.closed) return this.#close();
    return this.#lane.run(async () => {
      const { title, secrets, model, mode } = patch;
      if (title !== undefined) {
        this.#check("rename");
        await this.#record([{ type: "session.renamed", source: "person", data: { title, by: "person" } }]);
      }
      const changes = changesOf(patch, this.state());
      if (Object.keys(changes).length === 0) return this.state();
      this.#check("configure");
      this.#need.checkSecrets(secrets);
      const settings = { ...(model ? { model } : {}), ...(mode ? { mode } : {}) };
      if (model ?? mode) await this.#answered(this.#attachment.connection?.configure?.(settings));
      await this.#record([{ type: "session.configured", source: "person", data: changes }]);
      if (secrets) this.#need.secrets.values = secrets;
      return this.state();
    });
  }

  fork(request: ForkRequest, { key }: Keyed = {}): Promise<Session> {
    return this.#lane.run(async () => {
      const { answered, receipt } = await this.#claim<Session>("fork", request, key);
      if (answered) return answered;
      this.#check("fork");
      const last = this.log.last;
      const { cursor = last } = request;
      if (cursor > last) throw new Fault("cursor.ahead", { detail: `The newest event of ${this.id} is ${last}.` });
      return this.#need.fork(this, cursor, request, receipt);
    });
  }

  async read({
    after,
    limit,
    waitMs = 0,
    signal = new AbortController().signal,
  }: Parameters<SessionHandle["read"]>[0]): Promise<Page> {
    if (after > this.log.last) throw new Fault("cursor.ahead", { detail: `The newest event is ${this.log.last}.` });
    if (waitMs > 0 && after === this.log.last) {
      const waiting = new AbortController();
      const takeBack = this.#need.clock.after(waitMs, () => waiting.abort());
      await this.log.arrival(after, { signal: AbortSignal.any([signal, waiting.signal]) });
      takeBack();
    }
    return this.log.read({ after, limit });
  }

  follow(after: number, options: { readonly signal: AbortSignal }): AsyncIterable<FollowStep> {
    return this.log.follow(after, options);
  }

  transcript(options: Parameters<SessionHandle["transcript"]>[0]): ReturnType<SessionHandle["transcript"]> {
    return readTranscript(this.log, options);
  }

  async residue(): Promise<readonly ResidueRecord[]> {
    const runs = await readEndedRuns(this.log);
    return Promise.all(runs.map((run) => this.#need.processes.residue(run)));
  }

  /** Plays what is queued; called whenever there may be something. */
  pump(): void {
    this.#queue.pump();
  }

  /** A harness without work is let go after a while; the session stays. */
  rest(): void {
    this.#queue.rest();
  }

  /** Ends the running turn, lets the harness go and tells the followers; what is queued stays. */
  async stop(reason: Ending["reason"], end: Ending["end"]): Promise<void> {
    await this.#halt({ reason, end });
    this.log.end(reason);
  }

  async #halt(ending: Ending): Promise<void> {
    await this.#queue.halt(ending);
    await this.#attachment.release();
    await this.log.drained;
  }

  /** The answer to the ask of a paused turn: a new turn goes on from there. */
  async #unpark(ask: Ask, answer: Answer, stamp: Stamp): Promise<void> {
    const { queued, reply } = goOnWith(ask, answer);
    this.#checkRoom();
    await this.#queue.add({ id: newId(this.#need, "turn"), queued, before: [reply], receipt: stamp });
  }

  async #close(): Promise<Session> {
    if (this.state().phase === "closed") return this.state();
    await this.#halt({ reason: "session.closed", end: { outcome: "cancelled" } });
    return this.#lane.run(async () => {
      if (this.state().phase === "closed") return this.state();
      const queued = this.state().queue.map(({ id }) => cancelledInQueue(id));
      const closed: Draft = { type: "session.closed", source: "person", data: { reason: "person" } };
      await this.#record([...queued, closed]).catch((error: unknown) => this.#notClosed(error));
      this.log.end("session.closed");
      return this.state();
    });
  }

  #notClosed(error: unknown): never {
    this.#queue.goOn("session.closed");
    throw error;
  }

  #unkept(error: unknown): void {
    this.#need.surprise(error, "an event could not be kept");
    this.#queue.turn?.stop({ outcome: "failed", fault: faultOf(this.#need, error) });
  }

  #claim<Answered>(verb: string, request: unknown, key: string | undefined) {
    return claim<Answered>(this.#need, { key, scope: `${this.id} ${verb}`, request });
  }

  #record(drafts: readonly Draft[]) {
    return this.#need.view.append(drafts);
  }

  #isActive(turn: TurnId): boolean {
    const { turn: current, queue } = this.state();
    return current?.id === turn || queue.some(({ id }) => id === turn);
  }

  #check(verb: SessionVerb): void {
    const { phase } = this.state();
    const { ending } = this.#queue;
    if (ending && phase !== "closed") throw leaving(this.id, ending.reason);
    if (allows(phase, verb)) return;
    throw phase === "closed" ? sessionClosed(this.id) : wrongPhase(phase, verb);
  }

  #checkRoom(): void {
    const { queue, secretNames } = this.state();
    if (queue.length >= this.#need.limits.queuedTurns) throw queueFull(queue.length);
    if (secretNames.length > 0 && !this.#need.secrets.values) throw secretsLost(secretNames);
  }

  /** What a harness is asked beside its turn is answered soon, or it is not: the lane waits for it. */
  async #answered(answering = Promise.resolve()): Promise<void> {
    const { clock, limits } = this.#need;
    if (!(await settlesWithin(clock, answering, limits.answerMs))) throw noAnswer(limits.answerMs);
    await answering;
  }
}
