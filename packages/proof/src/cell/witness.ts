/** Somebody who follows a session through the SDK and remembers everything that was told. */
import type { Session } from "@corral/client";
import type { SessionEvent } from "@corral/protocol";

export interface Witness {
  readonly who: string;
  readonly events: readonly SessionEvent[];
  /** Resolves with the first event that fits, be it told already or still to come. */
  until(fits: (event: SessionEvent) => boolean): Promise<SessionEvent>;
  /** Resolves when the session has ended; rejects with what broke the following. */
  readonly done: Promise<void>;
}

export interface Follow {
  readonly who: string;
  readonly signal: AbortSignal;
  /** After so many events of each connection it hangs up and comes back with its cursor; never when absent. */
  readonly hangUpAfter?: () => number;
}

class Follower implements Witness {
  readonly who: string;
  readonly events: SessionEvent[] = [];
  readonly done: Promise<void>;
  readonly #waiting = new Set<() => void>();
  #broken: unknown;
  #over = false;

  constructor(session: Session, { who, signal, hangUpAfter = () => Number.POSITIVE_INFINITY }: Follow) {
    this.who = who;
    this.done = this.#follow(session, signal, hangUpAfter).finally(() => {
      this.#over = true;
      this.#wake();
    });
    this.done.catch((error: unknown) => {
      this.#broken = error; // Whoever waits for an event or for the end is told.
    });
  }

  until(fits: (event: SessionEvent) => boolean): Promise<SessionEvent> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.events.find(fits);
        if (!found && !this.#over) return;
        this.#waiting.delete(look);
        if (found) resolve(found);
        else reject(this.#broken ?? new Error(`${this.who} saw the session end before what it waited for`));
      };
      this.#waiting.add(look);
      look();
    });
  }

  async #follow(session: Session, signal: AbortSignal, hangUpAfter: () => number): Promise<void> {
    for (let hungUp = true; hungUp; ) {
      hungUp = false;
      let left = hangUpAfter();
      for await (const event of session.events({ after: this.events.at(-1)?.cursor ?? 0, signal })) {
        this.events.push(event);
        this.#wake();
        left -= 1;
        hungUp = left <= 0 && event.type !== "session.closed";
        if (hungUp) break;
      }
    }
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}

export const follow = (session: Session, options: Follow): Witness => new Follower(session, options);
