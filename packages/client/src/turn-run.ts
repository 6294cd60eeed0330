/** A prompt under way: awaited it is the ended turn, iterated it is the turn's events. */
import {
  type Answer,
  type Ask,
  type ContentBlock,
  Fault,
  isFault,
  type SessionEvent,
  type Turn,
  type TurnId,
} from "@corral/protocol";
import { follow, type Road, stoppable } from "./follow.ts";
import { unreachable } from "./request.ts";
import { anySignal, unless, within } from "./sleep.ts";

/** An answer to an ask, or one of the words that stand for a decision. */
export type AnswerWords = "allow" | "deny" | "cancel" | Answer;

export interface PromptOptions {
  /** Cancels the turn; the run then settles with the turn as it ended, or with the signal's reason if that cannot be known. */
  readonly signal?: AbortSignal;
  /** The turn fails when it takes longer. */
  readonly timeoutMs?: number;
  /** Answers the turn's asks. With undefined the ask is left to others and to its deadline. */
  readonly onAsk?: (ask: Ask) => AnswerWords | undefined | Promise<AnswerWords | undefined>;
  /** The name of this prompt: the same key never prompts twice. */
  readonly key?: string;
}

export interface TurnRun extends PromiseLike<Turn>, AsyncIterable<SessionEvent> {
  readonly id: Promise<TurnId>;
  /** Ends the turn, within a bound, whatever its harness does. */
  cancel(): Promise<Turn>;
  /** All that the agent said in the turn; throws the fault of a turn that has one. */
  text(): Promise<string>;
}

export interface RunNeed {
  readonly road: Road;
  readonly session: string;
  readonly asks: () => Promise<readonly Ask[]>;
  readonly answer: (ask: Ask, answer: AnswerWords) => Promise<unknown>;
}

/** How long a client that was told to stop waits for the daemon to say so. */
const graceMs = 10_000;

/** Whoever awaits or iterates is told; a run that nobody looks at must not end the program. */
function quiet<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined); // The same promise still rejects for those who look.
  return promise;
}

class PromptedTurn implements TurnRun {
  readonly id: Promise<TurnId>;
  readonly #need: RunNeed;
  readonly #options: PromptOptions;
  /** Ends all that this run waits for. */
  readonly #quit = new AbortController();
  readonly #started: Promise<Turn>;
  readonly #abandoned = Promise.withResolvers<Turn>();
  #ended: Promise<Turn> | undefined;

  constructor(need: RunNeed, prompt: string | readonly ContentBlock[], options: PromptOptions) {
    [this.#need, this.#options] = [need, options];
    const { signal, onAsk } = options;
    if (signal?.aborted) this.#quit.abort(signal.reason);
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
    void quiet(this.#abandoned.promise);
    this.#started = quiet(this.#start(prompt));
    this.id = quiet(this.#started.then(({ id }) => id));
    if (onAsk) void this.#end();
  }

  // biome-ignore lint/suspicious/noThenProperty: a run is awaited like the promise that it is.
  then: TurnRun["then"] = (onEnded, onFailed) => this.#end().then(onEnded, onFailed);

  [Symbol.asyncIterator](): AsyncIterator<SessionEvent, void> {
    return stoppable((stop) => this.#events(stop), this.#signal)[Symbol.asyncIterator]();
  }

  cancel(): Promise<Turn> {
    return this.#cancel();
  }

  async text(): Promise<string> {
    const { output = "", fault } = await this.#end();
    if (!fault) return output;
    const { code, detail, help, more } = fault;
    throw new Fault(code, { detail, ...(help ? { help } : {}), ...(more ? { more } : {}) });
  }

  get #signal(): AbortSignal {
    return anySignal(this.#need.road.wire.signal, this.#quit.signal);
  }

  #start(prompt: string | readonly ContentBlock[]): Promise<Turn> {
    const { timeoutMs, key } = this.#options;
    const { road, session } = this.#need;
    const body = {
      prompt: typeof prompt === "string" ? prompt : [...prompt],
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
    const named = key === undefined ? {} : { key };
    return road.wire.call("startTurn", { params: { session }, body }, { signal: this.#quit.signal, ...named });
  }

  async #cancel(signal?: AbortSignal): Promise<Turn> {
    const { road, session } = this.#need;
    const { id } = await this.#started;
    return road.wire.call("cancelTurn", { params: { session, turn: id } }, signal ? { signal } : {});
  }

  async #read(): Promise<Turn> {
    const { road, session } = this.#need;
    const { id } = await this.#started;
    return road.wire.call("readTurn", { params: { session, turn: id } }, { signal: this.#quit.signal });
  }

  async *#events(stop: AbortSignal): AsyncGenerator<SessionEvent, void> {
    const { road, session } = this.#need;
    const { id, cursor } = await unless(stop, this.#started);
    let trimmed = false;
    const onResync = () => {
      trimmed = true;
    };
    for await (const event of follow(road, session, { after: cursor, signal: stop, onResync })) {
      // The turn's end may be among what was trimmed.
      if (trimmed && (await this.#read()).state === "ended") return;
      trimmed = false;
      if (event.turn !== id) continue;
      yield event;
      if (event.type === "turn.ended") return;
    }
    throw new Fault("session.missing", { detail: `The session ended before its turn ${id} did.` });
  }

  #end(): Promise<Turn> {
    this.#ended ??= quiet(this.#settle());
    return this.#ended;
  }

  async #settle(): Promise<Turn> {
    try {
      return await Promise.race([this.#watch(), this.#abandoned.promise]);
    } finally {
      this.#options.signal?.removeEventListener("abort", this.#onAbort);
    }
  }

  async #watch(): Promise<Turn> {
    for await (const event of this) {
      // Not awaited: a person may think for long, and the turn may end meanwhile.
      if (event.type === "turn.asked") this.#reply(event.data.ask).catch((error: unknown) => this.#quit.abort(error));
    }
    return this.#read();
  }

  async #reply(id: string): Promise<void> {
    const { onAsk } = this.#options;
    if (!onAsk) return;
    // Policy, deadline or another person may have answered since: only what still waits is put to the caller.
    const ask = (await this.#need.asks()).find((one) => one.id === id);
    const answer = ask && (await onAsk(ask));
    if (!ask || answer === undefined) return;
    try {
      await this.#need.answer(ask, answer);
    } catch (error) {
      if (!isFault(error, "ask.settled") && !isFault(error, "ask.missing")) throw error; // Somebody was faster.
    }
  }

  readonly #onAbort = (): void => {
    this.#abandon().then(this.#abandoned.resolve, this.#abandoned.reject);
  };

  async #abandon(): Promise<Turn> {
    const { wire } = this.#need.road;
    const late = () => unreachable(wire.url, "The daemon did not confirm in time that the turn was cancelled.");
    try {
      return await within(graceMs, { sleep: wire.sleep, signal: this.#signal, late }, (limited) =>
        this.#cancel(limited),
      );
    } catch {
      // The caller wanted to leave: all who wait are told so, for how the turn ended cannot be known.
      this.#quit.abort(this.#options.signal?.reason);
      throw this.#options.signal?.reason;
    }
  }
}

export const runTurn = (
  need: RunNeed,
  prompt: string | readonly ContentBlock[],
  options: PromptOptions = {},
): TurnRun => new PromptedTurn(need, prompt, options);
