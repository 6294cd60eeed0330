/** The turns of one session: one is played at a time, in the order in which they were asked for, each to its one end. */
import type { Draft, EventBody, SessionEvent, StreamEnd, TurnId } from "@corral/protocol";
import { sleep } from "../ports/clock.ts";
import type { Asks } from "./asks.ts";
import type { Attachment } from "./attachment.ts";
import { type Desk, stateOf } from "./desk.ts";
import type { Lane } from "./lane.ts";
import type { Stamp } from "./receipts.ts";
import { faultOf, type TurnEnd, TurnRun } from "./turn.ts";

export interface QueueNeed extends Desk {
  readonly lane: Lane;
  readonly attachment: Attachment;
  readonly asks: Asks;
  /** There is something to play again. */
  readonly woken: () => void;
}

export interface QueuedTurn {
  readonly id: TurnId;
  readonly queued: EventBody<"turn.queued">;
  /** What is written down before it, in the same breath. */
  readonly before?: readonly Draft[];
  readonly receipt: Stamp;
  /** Nobody waits for its beginning: see the port of stores. */
  readonly patient?: boolean | undefined;
}

/** How a running turn is to end, and why no more is taken, once the session ends or its daemon does. */
export interface Ending {
  readonly reason: StreamEnd["reason"];
  readonly end: TurnEnd;
}

/** How long a queue that failed is not tried again. */
const queuePauseMs = 500;

/** A secret in a prompt is hidden where it is kept, and the harness hears what is kept. */
const asKept = (events: readonly SessionEvent[]): EventBody<"turn.queued"> | undefined =>
  events.find((event) => event.type === "turn.queued")?.data;

const startOf = (turn: TurnId): Draft => ({ type: "turn.started", turn, source: "daemon", data: {} });

export class TurnQueue {
  readonly #need: QueueNeed;
  #turn: TurnRun | undefined;
  #playing: Promise<void> | undefined;
  #ending: Ending | undefined;
  #idle: (() => void) | undefined;

  constructor(need: QueueNeed) {
    this.#need = need;
  }

  /** The turn that is played now. */
  get turn(): TurnRun | undefined {
    return this.#turn;
  }

  get playing(): boolean {
    return this.#playing !== undefined;
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  /**
   * Takes a turn in, in the lane. With nothing before it, it begins in the same breath: one write instead of two, and the harness
   * reads its prompt while the disk takes it. Nobody else hears of the turn before it is on the disk.
   */
  async add({ id, queued, before = [], receipt, patient }: QueuedTurn): Promise<void> {
    const { view } = this.#need;
    const drafts: Draft[] = [...before, { type: "turn.queued", turn: id, source: "person", data: queued }];
    if (this.#playing || this.#ending || this.#waiting.length > 0) {
      await view.append(drafts, { receipt, patient });
      return this.pump();
    }
    const first = Promise.withResolvers<TurnRun | undefined>();
    this.#start(first.promise);
    let begun: TurnRun | undefined;
    const begin = (events: readonly SessionEvent[]) => {
      begun ??= this.#begin(id, asKept(events) ?? queued);
      first.resolve(begun);
    };
    try {
      begin(await view.append([...drafts, startOf(id)], { receipt, written: begin, patient }));
    } catch (error) {
      first.resolve(undefined);
      // It was written, and the disk did not take it: there is no such turn.
      begun?.stop({ outcome: "failed", fault: faultOf(this.#need, error) });
      throw error;
    }
  }

  /** Plays what is queued; called whenever there may be something. */
  pump(): void {
    if (!this.#playing && !this.#ending && this.#waiting.length > 0) this.#start();
  }

  /** Ends the running turn and takes no more; resolves when nothing is played. */
  async halt(ending: Ending): Promise<void> {
    // Whatever else is wanted of it, a session that is removed stays so.
    if (this.#ending?.reason !== "session.removed") this.#ending = ending;
    this.#idle?.();
    this.#stopTurn();
    await this.#playing;
  }

  /** It was not ended after all. */
  goOn(reason: Ending["reason"]): void {
    if (this.#ending?.reason === reason) this.#ending = undefined;
    this.pump();
  }

  /** A harness without work is let go after a while; the session stays. */
  rest(): void {
    const { clock, limits, surprise, attachment } = this.#need;
    this.#idle?.();
    this.#idle = clock.after(limits.idleHarnessMs, () => {
      if (this.#playing) return;
      attachment.release().catch((error: unknown) => surprise(error, "an idle harness could not be let go"));
    });
  }

  get #waiting() {
    return stateOf(this.#need).queue;
  }

  #start(first?: Promise<TurnRun | undefined>): void {
    this.#idle?.();
    this.#need.woken();
    this.#playing = this.#play(first)
      .catch((error: unknown) => {
        this.#need.surprise(error, "the queue of a session stopped");
        return sleep(this.#need.clock, queuePauseMs);
      })
      .finally(() => {
        this.#playing = undefined;
        this.rest();
        this.pump();
      });
  }

  async #play(first?: Promise<TurnRun | undefined>): Promise<void> {
    for (let next = first ?? this.#next(); ; next = this.#next()) {
      const run = await next;
      if (!run) return;
      await run.play();
      this.#turn = undefined;
      // Nobody knows when a paused turn goes on: it keeps no processes until then.
      if (stateOf(this.#need).lastTurn?.outcome === "paused") await this.#need.attachment.release();
    }
  }

  #next(): Promise<TurnRun | undefined> {
    return this.#need.lane.run(() => this.#take());
  }

  /** Takes the next turn out of the queue, in the lane, so that it cannot be cancelled and started at once. */
  async #take(): Promise<TurnRun | undefined> {
    const next = this.#waiting[0];
    if (!next || this.#ending) return undefined;
    const { view } = this.#need;
    const { items } = await view.log.read({ after: next.cursor - 1, limit: 1 });
    const queued = JSON.parse(items[0]?.text ?? "{}").data as EventBody<"turn.queued">;
    await view.append([startOf(next.id)]);
    return this.#begin(next.id, queued);
  }

  #begin(turn: TurnId, queued: EventBody<"turn.queued">): TurnRun {
    this.#turn = new TurnRun({ ...this.#need, turn, queued });
    // It may have been told to end while the start was written down.
    this.#stopTurn();
    return this.#turn;
  }

  #stopTurn(): void {
    if (this.#ending) this.#turn?.stop(this.#ending.end);
  }
}
