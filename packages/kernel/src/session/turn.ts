/** One turn, from its start to its one end: whatever dies, hangs or is cancelled on the way, within a bound. */
import {
  type ContentBlock,
  type Draft,
  type EventBody,
  Fault,
  type Grant,
  isFault,
  type SessionUpdate,
  type TurnId,
} from "@corral/protocol";
import { sleep } from "../ports/clock.ts";
import type { Connection, Question } from "../ports/harness.ts";
import type { AskingTurn, Asks } from "./asks.ts";
import type { Attachment } from "./attachment.ts";
import type { Desk } from "./desk.ts";
import { retell } from "./history.ts";
import { watchTools } from "./tools.ts";

export type TurnEnd = EventBody<"turn.ended">;

export interface TurnNeed extends Desk {
  readonly turn: TurnId;
  readonly queued: EventBody<"turn.queued">;
  readonly attachment: Attachment;
  readonly asks: Asks;
}

const retryFirstMs = 250;
const retryLastMs = 10_000;

export class TurnRun implements AskingTurn {
  readonly id: TurnId;
  readonly #need: TurnNeed;
  readonly #tools = watchTools();
  readonly #abort = new AbortController();
  readonly #forced = Promise.withResolvers<TurnEnd>();
  #connection: Connection | undefined;
  #wanted: TurnEnd | undefined;
  #prompted = false;
  #spoken = false;
  #ended = false;
  #heardAtMs: number;
  #grant: Grant | undefined;
  #timers: (() => void)[] = [];

  constructor(need: TurnNeed) {
    this.#need = need;
    this.id = need.turn;
    this.#grant = need.queued.continues;
    this.#heardAtMs = need.clock.monotonicMs();
  }

  get open(): boolean {
    return !this.#ended;
  }

  get stopping(): boolean {
    return this.#wanted !== undefined;
  }

  /** Whether what the harness says belongs to this turn: not before it has heard the prompt, and not after the end. */
  get listening(): boolean {
    return this.#prompted && !this.#ended;
  }

  heard(update: SessionUpdate): void {
    this.#spoken = true;
    this.#heardAtMs = this.#need.clock.monotonicMs();
    this.#tools.heard(update);
  }

  takeGrant({ title, toolCall }: Question): Grant | undefined {
    const grant = this.#grant;
    if (!grant || grant.title !== title || (grant.kind !== undefined && grant.kind !== toolCall?.kind))
      return undefined;
    this.#grant = undefined;
    return grant;
  }

  park(): void {
    this.stop({ outcome: "paused", stopReason: "paused" });
  }

  /** Asks the turn to end in this way; when the harness does not follow within its grace it is killed. */
  stop(end: TurnEnd): void {
    if (this.#wanted || this.#ended) return;
    this.#wanted = end;
    this.#abort.abort(new Fault("turn.ended", { detail: `The turn was ended as ${end.outcome}.` }));
    if (!this.#connection) return;
    this.#timers.push(this.#need.clock.after(this.#need.limits.cancelGraceMs, () => void this.#force(end)));
    this.#need.asks.cancelAll().then(
      () => this.#connection?.cancel(),
      (error: unknown) => this.#force({ outcome: "failed", fault: faultOf(this.#need, error) }),
    );
  }

  /** Plays the turn; resolves when its end is in the log. */
  async play(): Promise<void> {
    const end = await this.#drive().catch((error: unknown): TurnEnd => {
      return this.#wanted ?? { outcome: "failed", fault: faultOf(this.#need, error) };
    });
    for (const takeBack of this.#timers) takeBack();
    await this.#end(end);
  }

  async #drive(): Promise<TurnEnd> {
    const { attachment, queued } = this.#need;
    this.#watchDeadline(queued.timeoutMs);
    const connection = await attachment.connect({ signal: this.#abort.signal });
    this.#connection = connection;
    if (!connection.images) refuseImages(queued.prompt);
    const blocks = await this.#blocks(queued.prompt);
    if (this.#wanted) return this.#wanted;
    this.#prompted = true;
    this.#watchSilence();
    const answered = connection.prompt(blocks).then(
      ({ stopReason, usage }): TurnEnd => {
        // What was cancelled before a word was said may never have been read.
        if (stopReason !== "cancelled" || this.#spoken) attachment.remind();
        return {
          outcome: stopReason === "cancelled" ? "cancelled" : "completed",
          ...this.#wanted,
          stopReason: this.#wanted?.stopReason ?? stopReason,
          ...(usage ? { usage } : {}),
        };
      },
      async (error: unknown): Promise<TurnEnd> => {
        if (isFault(error, "harness.crashed")) await attachment.missed();
        return this.#wanted ?? { outcome: "failed", fault: faultOf(this.#need, error) };
      },
    );
    return Promise.race([answered, this.#forced.promise]);
  }

  async #blocks(prompt: readonly ContentBlock[]): Promise<readonly ContentBlock[]> {
    const { attachment, view, limits } = this.#need;
    if (!attachment.forgetful) return prompt;
    const said = await retell(view, limits.replayBytes, this.id);
    return said === "" ? prompt : [{ type: "text", text: said }, ...prompt];
  }

  #watchDeadline(timeoutMs: number | undefined): void {
    if (timeoutMs === undefined) return;
    const detail = `The turn took longer than its deadline of ${timeoutMs} ms.`;
    const fault = new Fault("turn.deadline", { detail, help: "Give it more time, or a smaller task." }).toRecord();
    this.#timers.push(this.#need.clock.after(timeoutMs, () => this.stop({ outcome: "failed", fault })));
  }

  /** Silence while a person is asked is not the harness's. */
  #watchSilence(): void {
    const { clock, limits, asks } = this.#need;
    let told = false;
    this.#heardAtMs = clock.monotonicMs();
    const look = () => {
      if (this.#ended) return;
      if (asks.waiting) this.#heardAtMs = clock.monotonicMs();
      const silentMs = clock.monotonicMs() - this.#heardAtMs;
      if (silentMs < limits.stallAfterMs) told = false;
      else if (!told) {
        told = true;
        this.#tellStall(Math.round(silentMs));
      }
      const limitMs = this.#tools.any ? limits.toolStallLimitMs : limits.stallLimitMs;
      if (silentMs >= limitMs) this.#stalled(Math.round(silentMs));
      else this.#timers.push(clock.after(nextLookMs(limits.stallAfterMs, limitMs, silentMs), look));
    };
    look();
  }

  #tellStall(silentMs: number): void {
    const { view, surprise } = this.#need;
    const run = view.state?.harness?.run;
    if (!run) return;
    const drafts: Draft[] = [{ type: "harness.stalled", turn: this.id, source: "daemon", data: { run, silentMs } }];
    view.append(drafts).catch((error: unknown) => surprise(error, "a stall could not be written down"));
  }

  #stalled(silentMs: number): void {
    const detail = `The harness has said nothing for ${silentMs} ms.`;
    const help = "Prompt again: the session goes on with a fresh harness.";
    this.stop({ outcome: "failed", fault: new Fault("harness.stalled", { detail, help }).toRecord() });
  }

  async #force(end: TurnEnd): Promise<void> {
    if (this.#ended) return;
    try {
      await this.#need.attachment.release({ force: true });
    } catch (error) {
      this.#need.surprise(error, "a harness could not be ended");
    }
    this.#forced.resolve(end);
  }

  /** Tries until it is written: a turn without an end would hang everybody who waits for it. */
  async #end(end: TurnEnd): Promise<void> {
    this.#need.attachment.flush();
    this.#ended = true;
    const { view, clock, asks, surprise } = this.#need;
    for (let delayMs = retryFirstMs; ; delayMs = Math.min(delayMs * 2, retryLastMs)) {
      try {
        await this.#need.attachment.settle();
        const drafts: Draft[] = [
          ...asks.endTurn(this.id),
          ...this.#tools.ends(this.id, end.outcome),
          { type: "turn.ended", turn: this.id, source: "daemon", data: end },
        ];
        await view.append(drafts);
        return;
      } catch (error) {
        // There is nobody left to write it; the next daemon ends the turn as lost.
        if (isFault(error, "store.closed")) return;
        surprise(error, "the end of a turn could not be written down yet");
        await sleep(clock, delayMs);
      }
    }
  }
}

/** Looks as often as the nearer of the two bounds wants, and no more. */
const nextLookMs = (afterMs: number, limitMs: number, silentMs: number): number =>
  Math.max(10, Math.min(afterMs > silentMs ? afterMs - silentMs : afterMs, limitMs - silentMs));

/** A harness that takes none would answer as if there had been none. */
function refuseImages(prompt: readonly ContentBlock[]): void {
  if (!prompt.some(({ type }) => type === "image")) return;
  throw new Fault("agent.cannot", {
    detail: "The agent takes no pictures, and the prompt has one.",
    help: "Describe the picture in words, or ask an agent whose card says that it takes images.",
  });
}

/** A surprise is told to the house; the turn only says that there was one. */
export function faultOf({ surprise }: Pick<Desk, "surprise">, error: unknown): NonNullable<TurnEnd["fault"]> {
  if (isFault(error)) {
    const { code, detail, help, more } = error.toRecord();
    return { code, detail, ...(help ? { help } : {}), ...(more ? { more: { ...more } } : {}) };
  }
  surprise(error, "a turn failed in an unexpected way");
  return { code: "internal", detail: "Something unexpected happened; the daemon's log says what." };
}
