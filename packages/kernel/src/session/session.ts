/** One session, alive: takes one command at a time, plays one turn at a time, and outlives its harness, its process and its viewers. */
import {
  type Answer,
  type Ask,
  type AskId,
  allows,
  type ContentBlock,
  type Draft,
  type EventBody,
  Fault,
  type Item,
  type PatchSession,
  type ResidueRecord,
  type RunId,
  type Session,
  type SessionVerb,
  type StartTurn,
  type StreamEnd,
  type Turn,
  type TurnId,
} from "@corral/protocol";
import type { Keyed, SessionHandle } from "../kernel.ts";
import type { FollowStep } from "../log/chunk.ts";
import type { Page, Receipt } from "../ports/store.ts";
import { Asks } from "./asks.ts";
import { Attachment } from "./attachment.ts";
import { type Desk, newId, stateOf } from "./desk.ts";
import { readEvents, readTranscript, readTurn } from "./history.ts";
import { createLane } from "./lane.ts";
import { claim } from "./receipts.ts";
import {
  askMissing,
  cancelledInQueue,
  cannotSteer,
  given,
  parkedDecision,
  queueFull,
  secretsLost,
  sessionClosed,
  sessionMissing,
  stopping,
  wrongPhase,
} from "./refusals.ts";
import { faultOf, type TurnEnd, TurnRun } from "./turn.ts";

/** Makes the receipt that is kept with what a request has made. */
type Stamp = (() => Receipt) | undefined;

export interface SessionNeed extends Desk {
  /** Makes a session of its own out of this one's history; it belongs to those who keep all sessions. */
  readonly fork: (from: LiveSession, cursor: number, request: Parameters<SessionHandle["fork"]>[0]) => Promise<Session>;
}

export class LiveSession implements SessionHandle {
  readonly #need: SessionNeed;
  readonly #lane = createLane();
  readonly #asks: Asks;
  readonly #attachment: Attachment;
  #turn: TurnRun | undefined;
  #playing: Promise<void> | undefined;
  #stopping = false;
  #idle: (() => void) | undefined;

  constructor(need: SessionNeed) {
    this.#need = need;
    this.#asks = new Asks(need);
    this.#attachment = new Attachment({
      ...need,
      turn: () => (this.#turn?.open ? this.#turn : undefined),
      ask: (question, options) => this.#asks.ask(this.#turn?.open ? this.#turn : undefined, question, options),
      unkept: (error) => this.#unkept(error),
    });
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
    return !this.#playing && !this.#attachment.connection && followers + pending === 0 && !this.#need.secrets.values;
  }

  state(): Session {
    return stateOf(this.#need);
  }

  asks(): readonly Ask[] {
    return this.state().asks;
  }

  prompt(request: StartTurn, { key }: Keyed = {}): Promise<Turn> {
    return this.#lane.run(async () => {
      const { answered, receipt } = await this.#claim<Turn>("prompt", request, key);
      if (answered) return answered;
      this.#check("prompt");
      this.#checkRoom();
      const turn: Turn = { id: newId(this.#need, "turn"), session: this.id, state: "queued", cursor: this.log.next };
      const { prompt, timeoutMs } = request;
      await this.#queue(
        turn.id,
        { prompt: [...prompt], ...(timeoutMs === undefined ? {} : { timeoutMs }) },
        [],
        receipt && (() => receipt(turn)),
      );
      return turn;
    });
  }

  async turn(turn: TurnId): Promise<Turn> {
    const { turn: current, queue } = this.state();
    const known = current?.id === turn ? current : queue.find(({ id }) => id === turn);
    return readTurn(this.log, turn, known ? known.cursor - 1 : 0);
  }

  async ended(
    turn: TurnId,
    { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Turn> {
    for (let now = await this.turn(turn); ; now = await this.turn(turn)) {
      if (now.state === "ended") return now;
      while (this.#isActive(turn)) {
        await this.log.arrival(this.log.last, { signal });
        signal.throwIfAborted();
        if (this.log.ended === "session.removed") throw sessionMissing(this.id);
        if (this.log.ended === "daemon.stopping" && this.#isActive(turn)) throw stopping();
      }
    }
  }

  async cancel(turn: TurnId): Promise<Turn> {
    await this.#lane.run(async () => {
      if (this.#turn?.id === turn) return this.#turn.stop({ outcome: "cancelled" });
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
      const turn = this.#turn;
      if (!connection?.steer || !turn?.open) throw cannotSteer(this.state().agent);
      await connection.steer(prompt);
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
      if (!known) throw await this.#noAsk(ask);
      this.#check("answer");
      const stamp = receipt && (() => receipt(this.state()));
      if (known.state === "parked") await this.#unpark(known, answer, stamp);
      else await this.#asks.answer(known, answer, stamp);
      return this.state();
    });
  }

  change(patch: PatchSession): Promise<Session> {
    if (patch.closed) return this.#close();
    return this.#lane.run(async () => {
      const { title, secrets, policy, model, mode, labels } = patch;
      if (title !== undefined) {
        this.#check("rename");
        await this.#record([{ type: "session.renamed", source: "person", data: { title, by: "person" } }]);
      }
      if ([secrets, policy, model, mode, labels].every((part) => part === undefined)) return this.state();
      this.#check("configure");
      const settings = { ...(model ? { model } : {}), ...(mode ? { mode } : {}) };
      if (model ?? mode) await this.#attachment.connection?.configure?.(settings);
      if (secrets) this.#need.secrets.values = secrets;
      const body: EventBody<"session.configured"> = {
        ...settings,
        ...(policy ? { policy: { ...this.state().policy, ...given(policy) } } : {}),
        ...(labels ? { labels } : {}),
        ...(secrets ? { secretNames: Object.keys(secrets) } : {}),
      };
      await this.#record([{ type: "session.configured", source: "person", data: body }]);
      return this.state();
    });
  }

  fork(request: Parameters<SessionHandle["fork"]>[0], { key }: Keyed = {}): Promise<Session> {
    return this.#lane.run(async () => {
      const { answered } = await this.#claim<Session>("fork", request, key);
      if (answered) return answered;
      this.#check("fork");
      const last = this.log.last;
      const { cursor = last } = request;
      if (cursor > last) throw new Fault("cursor.ahead", { detail: `The newest event of ${this.id} is ${last}.` });
      const forked = await this.#need.fork(this, cursor, request);
      const { receipt } = await this.#claim<Session>("fork", request, key);
      if (receipt) await this.#need.view.append([], { receipt: () => receipt(forked) });
      return forked;
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

  async transcript({ after, limit }: { readonly after: number; readonly limit: number }) {
    const items: readonly Item[] = (await readTranscript(this.log)).filter(({ cursor }) => cursor > after);
    const page = items.slice(0, limit);
    const last = page.at(-1);
    return { items: page, ...(items.length > limit && last ? { next: String(last.cursor) } : {}) };
  }

  async residue(): Promise<readonly ResidueRecord[]> {
    const runs = new Set<RunId>();
    for await (const event of readEvents(this.log, { only: (text) => text.includes('"harness.exited"') })) {
      if (event.type === "harness.exited") runs.add(event.data.run);
    }
    return Promise.all([...runs].map((run) => this.#need.processes.residue(run)));
  }

  /** Plays what is queued; called whenever there may be something. */
  pump(): void {
    if (this.#playing || this.#stopping || this.state().queue.length === 0) return;
    this.#idle?.();
    this.#playing = this.#play()
      .catch((error: unknown) => this.#need.surprise(error, "the queue of a session stopped"))
      .finally(() => {
        this.#playing = undefined;
        this.#rest();
        this.pump();
      });
  }

  /** Ends the running turn, lets the harness go and tells the followers; what is queued stays. */
  async stop(reason: StreamEnd["reason"], end: TurnEnd): Promise<void> {
    await this.#halt(end);
    this.log.end(reason);
  }

  async #halt(end: TurnEnd): Promise<void> {
    this.#stopping = true;
    this.#idle?.();
    this.#turn?.stop(end);
    await this.#playing;
    await this.#attachment.release();
    await this.log.drained;
  }

  async #play(): Promise<void> {
    for (;;) {
      const run = await this.#lane.run(() => this.#take());
      if (!run) return;
      await run.play();
      this.#turn = undefined;
    }
  }

  /** Takes the next turn out of the queue, in the lane, so that it cannot be cancelled and started at once. */
  async #take(): Promise<TurnRun | undefined> {
    const next = this.state().queue[0];
    if (!next || this.#stopping) return undefined;
    const { items } = await this.log.read({ after: next.cursor - 1, limit: 1 });
    const queued = JSON.parse(items[0]?.text ?? "{}").data as EventBody<"turn.queued">;
    await this.#record([{ type: "turn.started", turn: next.id, source: "daemon", data: {} }]);
    this.#turn = new TurnRun({ ...this.#need, turn: next.id, queued, attachment: this.#attachment, asks: this.#asks });
    return this.#turn;
  }

  async #queue(
    turn: TurnId,
    queued: EventBody<"turn.queued">,
    before: readonly Draft[],
    receipt: Stamp,
  ): Promise<void> {
    const draft: Draft = { type: "turn.queued", turn, source: "person", data: queued };
    await this.#need.view.append([...before, draft], { receipt });
    this.pump();
  }

  /** The answer to the ask of a paused turn: a new turn goes on from there, with that one thing allowed or denied. */
  async #unpark(ask: Ask, answer: Answer, stamp: Stamp): Promise<void> {
    const decision = parkedDecision(ask, answer);
    this.#checkRoom();
    const kind = typeof ask.toolCall?.kind === "string" ? { kind: ask.toolCall.kind } : {};
    const reply: Draft = {
      type: "turn.answered",
      turn: ask.turn,
      source: "person",
      data: { ask: ask.id, by: "person", outcome: decision === "allow" ? "accepted" : "declined" },
    };
    const text = `The question "${ask.title}" was answered: ${decision}. Go on from where you stopped.`;
    const continues = { ask: ask.id, decision, title: ask.title, ...kind };
    await this.#queue(newId(this.#need, "turn"), { prompt: [{ type: "text", text }], continues }, [reply], stamp);
  }

  async #close(): Promise<Session> {
    if (this.state().phase === "closed") return this.state();
    await this.#halt({ outcome: "cancelled" });
    return this.#lane.run(async () => {
      if (this.state().phase === "closed") return this.state();
      const queued = this.state().queue.map(({ id }) => cancelledInQueue(id));
      await this.#record([...queued, { type: "session.closed", source: "person", data: { reason: "person" } }]);
      this.log.end("session.closed");
      return this.state();
    });
  }

  /** A harness without work is let go after a while; the session stays. */
  #rest(): void {
    const { clock, limits, surprise } = this.#need;
    this.#idle?.();
    this.#idle = clock.after(limits.idleHarnessMs, () => {
      if (this.#playing) return;
      this.#attachment.release().catch((error: unknown) => surprise(error, "an idle harness could not be let go"));
    });
  }

  #unkept(error: unknown): void {
    this.#need.surprise(error, "an event could not be kept");
    this.#turn?.stop({ outcome: "failed", fault: faultOf(this.#need, error) });
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
    if (this.#stopping && phase !== "closed") throw stopping();
    if (allows(phase, verb)) return;
    throw phase === "closed" ? sessionClosed(this.id) : wrongPhase(phase, verb);
  }

  #checkRoom(): void {
    const { queue, secretNames } = this.state();
    if (queue.length >= this.#need.limits.queuedTurns) throw queueFull(queue.length);
    if (secretNames.length > 0 && !this.#need.secrets.values) throw secretsLost(secretNames);
  }

  async #noAsk(ask: AskId): Promise<Fault> {
    for await (const event of readEvents(this.log, { only: (text) => text.includes(ask) })) {
      if (event.type === "turn.answered")
        return new Fault("ask.settled", { detail: `${ask} was answered by ${event.data.by}.` });
    }
    return askMissing(this.id, ask);
  }
}
