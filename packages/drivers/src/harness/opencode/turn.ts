/** One prompt on an OpenCode server and its one end, out of what the stream of events tells. */
import { type Clock, type Frame, frame, type PromptResult } from "@corral/kernel";
import { addUsage, Fault, type Usage } from "@corral/protocol";
import { text } from "../reading.ts";
import { type Failure, failure } from "./failure.ts";

const count = (thing: unknown): number => (typeof thing === "number" && thing > 0 ? Math.round(thing) : 0);

function usageOf({ input, output, reasoning, cache }: Frame): Usage | undefined {
  const { read, write } = frame(cache);
  const counts = [input, output, reasoning, read, write].map(count);
  const [inputTokens = 0, outputTokens = 0, thoughtTokens = 0, cachedReadTokens = 0, cachedWriteTokens = 0] = counts;
  const totalTokens = counts.reduce((sum, one) => sum + one, 0);
  if (totalTokens === 0) return undefined;
  return {
    ...{ inputTokens, outputTokens, totalTokens },
    ...(thoughtTokens > 0 ? { thoughtTokens } : {}),
    ...(cachedReadTokens > 0 ? { cachedReadTokens } : {}),
    ...(cachedWriteTokens > 0 ? { cachedWriteTokens } : {}),
  };
}

/** So long after an error a turn would have begun to which the error does not belong. */
const echoMs = 2_000;

const finishes: Readonly<Record<string, string>> = { length: "max_tokens", "content-filter": "refusal" };

export class ServedTurn {
  readonly ended: Promise<PromptResult>;
  readonly #end = Promise.withResolvers<PromptResult>();
  /** Answers of the model, and of the agents that it started, by their ids: what they cost. */
  readonly #costs = new Map<string, Usage | undefined>();
  /** Answers that have begun and not ended. */
  readonly #open = new Set<string>();
  #busy = false;
  /** Whether an answer of the conversation itself has begun, and not only one of an agent that it started. */
  #answered = false;
  #over = false;
  #cancelled = false;
  #finish = "";
  #failure: Failure | undefined;
  #abort: (() => void) | undefined;

  readonly #clock: Clock;
  readonly #earlier: Set<string>;

  /** `earlier`: the messages of turns before, by their ids. Something may still be told of them, and is not of this turn. */
  constructor(clock: Clock, earlier: Set<string>) {
    this.#clock = clock;
    this.#earlier = earlier;
    this.ended = this.#end.promise;
    // Whoever prompts waits for more than this, and may have been told something else before.
    this.ended.catch(() => undefined);
  }

  /** Whether the server has told that it does nothing more for it. */
  get over(): boolean {
    return this.#over;
  }

  /** What stood in an exception, for the log only. */
  get raw(): string | undefined {
    return this.#failure?.raw;
  }

  /** Before the server works there is nothing that could be aborted; then it is done as soon as it does. */
  cancel(abort: () => void): void {
    this.#cancelled = true;
    if (this.#busy) abort();
    else this.#abort = abort;
  }

  fail(error: unknown): void {
    this.#end.reject(error);
  }

  /** From now on its messages are an earlier turn's. */
  leave(): void {
    for (const id of this.#costs.keys()) this.#earlier.add(id);
  }

  /** False for what is of an earlier turn. */
  hear(type: string, properties: Frame, own: boolean): boolean {
    if (type === "message.updated") {
      const message = frame(properties.info);
      if (!this.#isOfThis(text(message.id))) return false;
      this.#note(message, own);
    }
    if (own) this.#hearOwn(type, properties);
    return true;
  }

  #hearOwn(type: string, properties: Frame): void {
    if (type === "session.status" && frame(properties.status).type === "busy") this.#begin();
    if (type === "session.error") this.#err(properties.error);
    // Told twice after an abort or an error, the first time before the answer has its end.
    if (type === "session.idle" && this.#busy && this.#open.size === 0 && this.#hasCause) {
      this.#over = true;
      this.#settle();
    }
  }

  /** Without one of these it is the end of an earlier turn that is told. */
  get #hasCause(): boolean {
    return this.#answered || this.#cancelled || this.#failure !== undefined;
  }

  /** No answer is begun before the server works. */
  #isOfThis(message: string): boolean {
    if (!this.#busy) this.#earlier.add(message);
    return !this.#earlier.has(message);
  }

  #begin(): void {
    this.#busy = true;
    this.#abort?.();
    this.#abort = undefined;
  }

  #note({ id, role, tokens, time, finish, error }: Frame, own: boolean): void {
    if (role !== "assistant") return;
    this.#costs.set(text(id), usageOf(frame(tokens)));
    if (!own) return;
    this.#answered = true;
    this.#finish = text(finish) || this.#finish;
    if (error !== undefined) this.#failure ??= this.#failureOf(error);
    if (frame(time).completed === undefined) this.#open.add(text(id));
    else this.#open.delete(text(id));
  }

  #failureOf(error: unknown): Failure | undefined {
    const { name } = frame(error);
    if (name === "MessageAbortedError") {
      this.#cancelled = true;
      return undefined;
    }
    if (name !== "MessageOutputLengthError") return failure(error);
    this.#finish = "length";
    return undefined;
  }

  #err(error: unknown): void {
    if (this.#busy) {
      this.#failure ??= this.#failureOf(error);
      return;
    }
    // An echo of the turn before, or a refusal that is all that will ever be heard of this one: then nothing begins.
    this.#clock.after(echoMs, () => {
      if (this.#busy) return;
      this.#failure ??= this.#failureOf(error);
      this.#settle();
    });
  }

  #settle(): void {
    if (this.#failure && !this.#cancelled) this.#end.reject(this.#failure.fault);
    const usage = [...this.#costs.values()].reduce<Usage>((sum, one) => (one ? addUsage(sum, one) : sum), {});
    const stopReason = this.#cancelled ? "cancelled" : (finishes[this.#finish] ?? "end_turn");
    this.#end.resolve({ stopReason, ...(Object.keys(usage).length > 0 ? { usage } : {}) });
  }
}

export const gone = (): Fault =>
  new Fault("harness.crashed", {
    detail: "The connection to OpenCode's server was closed while it worked.",
    help: "Prompt again: the session goes on with a fresh connection.",
  });
