/** Someone who follows a log from its beginning, and complains when it hears what is not on the disk or not in its place. */
import { foldAll, type Session, type SessionEvent, type StreamEnd } from "@corral/protocol";
import type { SessionHandle } from "../kernel.ts";
import type { Entry, Store } from "../ports/store.ts";

type Typed<Type extends SessionEvent["type"]> = Extract<SessionEvent, { type: Type }>;

export class Witness {
  readonly events: SessionEvent[] = [];
  readonly complaints: string[] = [];
  end: StreamEnd["reason"] | undefined;
  readonly #session: SessionHandle;
  readonly #store: Store;
  readonly #listening: Promise<void>;
  #wake = Promise.withResolvers<void>();
  #state: Session | undefined;

  constructor(session: SessionHandle, store: Store) {
    this.#session = session;
    this.#store = store;
    this.#listening = this.#listen();
  }

  /** Resolves with the first event of a kind behind a cursor, now or when it comes. */
  async heard<Type extends SessionEvent["type"]>(
    type: Type,
    fits: (event: Typed<Type>) => boolean = () => true,
    { after = 0 } = {},
  ): Promise<Typed<Type>> {
    for (;;) {
      const found = this.all(type).find((event) => event.cursor > after && fits(event));
      if (found) return found;
      await this.#wake.promise;
    }
  }

  all<Type extends SessionEvent["type"]>(type: Type): readonly Typed<Type>[] {
    return this.events.filter((event): event is Typed<Type> => event.type === type);
  }

  /** Resolves when the stream has said that it is over, with what it said. */
  async over(): Promise<StreamEnd["reason"] | undefined> {
    await this.#listening;
    return this.end;
  }

  /** Resolves when everything up to a cursor was heard. */
  async upTo(cursor: number): Promise<void> {
    while ((this.events.at(-1)?.cursor ?? 0) < cursor) await this.#wake.promise;
  }

  get last(): number {
    return this.events.at(-1)?.cursor ?? 0;
  }

  async #listen(): Promise<void> {
    try {
      for await (const step of this.#session.follow(0, { signal: new AbortController().signal })) {
        if (step.kind === "end") this.end = step.reason;
        else if (step.kind === "resync") this.complaints.push(`a resync to ${step.first}`);
        else await this.#take(step.entries);
        this.#tell();
      }
    } catch (error) {
      this.complaints.push(`following failed: ${String(error)}`);
      this.#tell();
    }
  }

  #tell(): void {
    const { resolve } = this.#wake;
    this.#wake = Promise.withResolvers();
    resolve();
  }

  async #take(entries: readonly Entry[]): Promise<void> {
    const after = (entries[0]?.cursor ?? 1) - 1;
    const { items } = await this.#store.read(this.#session.id, { after, limit: entries.length });
    // A session that was removed meanwhile has no log to compare with.
    if (items.length > 0 && JSON.stringify(items) !== JSON.stringify(entries)) {
      this.complaints.push(`told of ${after + 1} and what follows, which the store does not have`);
    }
    for (const { cursor, text } of entries) {
      const event = JSON.parse(text) as SessionEvent;
      if (cursor !== this.last + 1 || event.cursor !== cursor) this.complaints.push(`${cursor} after ${this.last}`);
      this.events.push(event);
    }
    this.#state = foldAll(this.events.slice(after), this.#state);
    const told = this.#session.state();
    if (told.cursor === this.#state?.cursor && JSON.stringify(told) !== JSON.stringify(this.#state)) {
      this.complaints.push(`the state at ${told.cursor} is not the fold of the log`);
    }
  }
}
