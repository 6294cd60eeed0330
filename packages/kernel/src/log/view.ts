/** The state of a log: a fold that runs ahead with the writer, and one that shows only what is on the disk. */
import type { Receipt } from "../ports/store.ts";
import type { Log } from "./log.ts";

export interface ViewNeed<State, Draft, Event> {
  readonly log: Log;
  readonly fold: (state: State | undefined, event: Event) => State;
  readonly state: State | undefined;
  /** Gives a draft its place. */
  readonly place: (draft: Draft, cursor: number) => Event;
  /** Whether a snapshot is worth keeping after this event: a reader folds what came after the last one. */
  readonly marks: (event: Event) => boolean;
}

export interface ViewAppend<State, Event> {
  readonly receipt?: ((state: State, events: readonly Event[]) => Receipt) | undefined;
  /** Told when the events outlive this process, and not yet a power cut: see the port of stores. */
  readonly written?: ((events: readonly Event[]) => void) | undefined;
  readonly patient?: boolean | undefined;
}

export class View<State, Draft, Event> {
  readonly log: Log;
  readonly #need: ViewNeed<State, Draft, Event>;
  #ahead: State | undefined;
  #state: State | undefined;
  #watch: ((events: readonly Event[]) => void) | undefined;

  constructor(need: ViewNeed<State, Draft, Event>) {
    this.#need = need;
    this.log = need.log;
    this.#ahead = need.state;
    this.#state = need.state;
  }

  /** What the log says. */
  get state(): State | undefined {
    return this.#state;
  }

  /** What the log will say when everything that was posted is on the disk; the writer decides by this one. */
  get ahead(): State | undefined {
    return this.#ahead;
  }

  /** Tells one watcher of events at the moment when they are on the disk. */
  watch(call: (events: readonly Event[]) => void): void {
    if (this.#watch) throw new Error(`${this.log.subject} has a watcher`);
    this.#watch = call;
  }

  /** Resolves with the placed events when they are on the disk, where `state` shows them. */
  async append(
    drafts: readonly Draft[],
    { receipt, written, patient }: ViewAppend<State, Event> = {},
  ): Promise<readonly Event[]> {
    const { log } = this;
    const events = drafts.map((draft, at) => this.#need.place(draft, log.next + at));
    const ahead = events.reduce<State | undefined>((state, event) => this.#need.fold(state, event), this.#ahead);
    const snapshot = events.some(this.#need.marks) ? JSON.stringify(ahead) : undefined;
    const entries = events.map((event) => JSON.stringify(event));
    const stamp = ahead === undefined ? undefined : receipt?.(ahead, events);
    this.#ahead = ahead;
    await log.append(entries, {
      snapshot,
      receipt: stamp,
      written: written && (() => written(events)),
      patient,
      kept: () => {
        this.#state = ahead;
        this.#watch?.(events);
      },
      lost: () => {
        this.#ahead = this.#state;
      },
    });
    return events;
  }
}
