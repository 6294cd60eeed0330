/** Follows the log of one session from its beginning, and says what was heard when what is awaited does not come. */
import { type SessionHandle, sleep, systemClock } from "@corral/kernel";
import { chunkText, type SessionEvent, type TurnId } from "@corral/protocol";

export type Typed<Type extends SessionEvent["type"]> = Extract<SessionEvent, { type: Type }>;

/** Longer than anything here takes on a machine that has much else to do. */
export const patienceMs = 120_000;

/** Waits for a promise, and fails with a reason instead of with the time limit of the whole test. */
export async function within<Value>(awaited: Promise<Value>, what: () => string, limitMs = patienceMs): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = () => reject(new Error(`${what()} did not come within ${limitMs / 1000} s`));
  const takeBack = systemClock.after(limitMs, late);
  try {
    return await Promise.race([awaited, promise]);
  } finally {
    takeBack();
  }
}

/** Waits for a promise, and no longer than nobody wants to stop. */
export async function unlessAborted<Value>(awaited: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) stop();
    return await Promise.race([awaited, stopped]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Looks again and again until a condition holds. */
export function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = patienceMs): Promise<void> {
  let over = false;
  const look = async () => {
    while (!over && !(await holds())) await sleep(systemClock, 20);
  };
  return within(look(), () => what, limitMs).finally(() => {
    over = true;
  });
}

export class Ear {
  readonly events: SessionEvent[] = [];
  readonly #leave = new AbortController();
  readonly #listening: Promise<void>;
  #wake = Promise.withResolvers<void>();

  constructor(session: SessionHandle) {
    this.#listening = this.#listen(session);
  }

  all<Type extends SessionEvent["type"]>(type: Type): readonly Typed<Type>[] {
    return this.events.filter((event): event is Typed<Type> => event.type === type);
  }

  /** Resolves with the first event of a kind that fits, now or when it comes. */
  heard<Type extends SessionEvent["type"]>(
    type: Type,
    fits: (event: Typed<Type>) => boolean = () => true,
  ): Promise<Typed<Type>> {
    const listen = async () => {
      for (;;) {
        const found = this.all(type).find(fits);
        if (found) return found;
        await this.#wake.promise;
      }
    };
    return within(listen(), () => `${type} among ${this.summary()}`);
  }

  /** Everything that the agent said in a turn so far. */
  saidIn(turn: TurnId): string {
    return this.all("turn.updated")
      .filter((event) => event.turn === turn && event.data.update.sessionUpdate === "agent_message_chunk")
      .map(({ data }) => chunkText(data.update) ?? "")
      .join("");
  }

  /** Resolves when the agent has said this in a turn. */
  async words(turn: TurnId, text: string): Promise<void> {
    const listen = async () => {
      while (!this.saidIn(turn).includes(text)) {
        const over = this.all("turn.ended").some((event) => event.turn === turn);
        if (over) throw new Error(`the turn ended without "${text}": ${this.summary()}`);
        await this.#wake.promise;
      }
    };
    await within(listen(), () => `"${text}" among ${this.summary()}`);
  }

  async upTo(cursor: number): Promise<void> {
    const listen = async () => {
      while ((this.events.at(-1)?.cursor ?? 0) < cursor) await this.#wake.promise;
    };
    await within(listen(), () => `event ${cursor} among ${this.summary()}`);
  }

  async leave(): Promise<void> {
    this.#leave.abort();
    await this.#listening;
  }

  /** The newest of what was heard, for the reader of a failure. */
  summary(): string {
    const lines = this.events.slice(-25).map((event) => `${event.cursor} ${event.type} ${brief(event)}`);
    return `\n  ${lines.join("\n  ")}\n`;
  }

  async #listen(session: SessionHandle): Promise<void> {
    for await (const step of session.follow(0, { signal: this.#leave.signal })) {
      if (step.kind === "chunk") this.events.push(...step.entries.map(({ text }) => JSON.parse(text) as SessionEvent));
      const { resolve } = this.#wake;
      this.#wake = Promise.withResolvers();
      resolve();
    }
  }
}

const brief = (event: SessionEvent): string => JSON.stringify(event.data).slice(0, 300);
