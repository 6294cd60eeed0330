/** One log: a single writer that may run ahead of the disk, and any number of followers that may not. */
import { Fault, type StreamEnd } from "@corral/protocol";
import type { Clock } from "../ports/clock.ts";
import type { Append, Entry, Page, Receipt, Store } from "../ports/store.ts";
import type { FollowStep } from "./chunk.ts";
import { createRing } from "./ring.ts";

export interface LogNeed {
  readonly store: Store;
  readonly clock: Clock;
  readonly subject: string;
  readonly last: number;
}

export interface AppendOptions {
  readonly snapshot?: string | undefined;
  readonly receipt?: Receipt | undefined;
  readonly written?: Append["written"];
  readonly patient?: Append["patient"];
  /** Called at the very moment when the entries are on the disk, or will never be: before anything else can be posted. */
  readonly kept?: () => void;
  readonly lost?: () => void;
}

/** A follower reads at most so much of the store at once; what it does not take is not in memory. */
const pageEntries = 500;
const pageBytes = 1024 * 1024;

export class Log {
  readonly subject: string;
  readonly #need: LogNeed;
  readonly #ring = createRing();
  #told: number;
  #assigned: number;
  #fresh: Entry[] = [];
  #pending = 0;
  #broken: unknown;
  #followers = 0;
  #end: StreamEnd["reason"] | undefined;
  #wake = Promise.withResolvers<void>();
  #drained = Promise.withResolvers<void>();

  constructor(need: LogNeed) {
    this.#need = need;
    this.subject = need.subject;
    this.#told = need.last;
    this.#assigned = need.last;
  }

  /** The cursor of the newest entry that is on the disk. */
  get last(): number {
    return this.#fresh.at(-1)?.cursor ?? this.#told;
  }

  /** Where the next appended entry will stand. */
  get next(): number {
    return this.#assigned + 1;
  }

  get followers(): number {
    return this.#followers;
  }

  /** Why no more will come, when no more will. */
  get ended(): StreamEnd["reason"] | undefined {
    return this.#end;
  }

  /** The end is told last: not before what was committed in the same breath. */
  get #over(): StreamEnd["reason"] | undefined {
    return this.#fresh.length === 0 ? this.#end : undefined;
  }

  /** Appends that are on their way to the disk. */
  get pending(): number {
    return this.#pending;
  }

  /** Resolves when nothing is on its way any more, whether it arrived or not. */
  get drained(): Promise<void> {
    return this.#pending === 0 ? Promise.resolve() : this.#drained.promise;
  }

  /**
   * Appends entries that were made for `next` and what follows it. Appends may be posted without waiting: they are kept in order,
   * and when one fails so do all that were posted behind it.
   */
  async append(
    entries: readonly string[],
    { snapshot, receipt, written, patient, kept, lost }: AppendOptions = {},
  ): Promise<void> {
    // Whoever comes so late writes in the name of a daemon that has left; the next one may have begun.
    const left =
      this.#end === "daemon.stopping" ? new Fault("store.closed", { detail: "The daemon has left." }) : undefined;
    if (left ?? this.#broken) {
      lost?.();
      throw left ?? this.#broken;
    }
    const expected = this.#assigned;
    this.#assigned += entries.length;
    this.#pending++;
    try {
      await this.#need.store.append({
        subject: this.subject,
        expected,
        entries,
        ...(snapshot === undefined ? {} : { snapshot }),
        ...(receipt === undefined ? {} : { receipt }),
        written,
        patient,
      });
      this.#commit(entries, expected);
      kept?.();
    } catch (error) {
      this.#broken ??= error;
      lost?.();
      throw this.#broken;
    } finally {
      this.#settle();
    }
  }

  /** The disk may be ahead of what it has told us: what is not yet known to be kept is not shown, or its cursor would be refused. */
  async read(options: { readonly after: number; readonly limit: number; readonly maxBytes?: number }): Promise<Page> {
    const page = await this.#need.store.read(this.subject, options);
    const { last } = this;
    if (page.last <= last) return page;
    return { ...page, items: page.items.filter(({ cursor }) => cursor <= last), last };
  }

  /** Waits until there is something after a cursor, the log has ended, or the signal is aborted. */
  async arrival(after: number, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const onAbort = () => this.#wakeAll();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      while (this.#told <= after && !this.#over && !signal.aborted) await this.#wake.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async *follow(after: number, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<FollowStep> {
    if (after > this.last) throw cursorAhead(after, this.last);
    // Waking everybody for one who leaves is cheaper than a promise race per wait, which would leak.
    const onAbort = () => this.#wakeAll();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#followers++;
    try {
      for (let cursor = after; !signal.aborted; ) {
        if (cursor < this.#told) {
          const step = this.#ring.after(cursor) ?? (await this.#page(cursor));
          if (signal.aborted) return;
          yield step;
          if (step.kind === "end") return;
          cursor = step.kind === "resync" ? step.first - 1 : (step.entries.at(-1)?.cursor ?? cursor);
        } else if (this.#over) {
          yield { kind: "end", reason: this.#over };
          return;
        } else {
          await this.#wake.promise;
        }
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      if (--this.#followers === 0) this.#ring.clear();
    }
  }

  /** Tells all followers, once they have read what is there, that no more will come. */
  end(reason: StreamEnd["reason"]): void {
    this.#end ??= reason;
    this.#wakeAll();
  }

  async #page(cursor: number): Promise<FollowStep> {
    const page = await this.read({ after: cursor, limit: pageEntries, maxBytes: pageBytes });
    if (page.first > cursor + 1) return { kind: "resync", after: cursor, first: page.first };
    const entries = page.items.filter((entry) => entry.cursor <= this.#told);
    // A log that was removed has nothing left for those who were still behind.
    if (entries.length === 0 && this.#end) return { kind: "end", reason: this.#end };
    if (entries.length === 0)
      throw new Fault("store.damaged", { detail: `${this.subject} has no entry after ${cursor}.` });
    return { kind: "chunk", entries };
  }

  #commit(entries: readonly string[], expected: number): void {
    if (entries.length === 0) return;
    if (this.#fresh.length === 0) this.#need.clock.soon(() => this.#tell());
    for (const [at, text] of entries.entries()) this.#fresh.push({ cursor: expected + at + 1, text });
  }

  /** What was committed in one go is told in one go: one chunk, encoded once, for everybody. */
  #tell(): void {
    const entries = this.#fresh;
    this.#fresh = [];
    this.#told = entries.at(-1)?.cursor ?? this.#told;
    if (this.#followers > 0) this.#ring.push(entries);
    this.#wakeAll();
  }

  #wakeAll(): void {
    const { resolve } = this.#wake;
    this.#wake = Promise.withResolvers();
    resolve();
  }

  #settle(): void {
    if (--this.#pending > 0) return;
    const { resolve } = this.#drained;
    this.#drained = Promise.withResolvers();
    if (this.#broken !== undefined) this.#mend();
    resolve();
  }

  /** After a failure nothing that was posted behind it is on the disk: go on from what is. */
  #mend(): void {
    this.#broken = undefined;
    this.#assigned = this.last;
  }
}

const cursorAhead = (after: number, last: number): Fault =>
  new Fault("cursor.ahead", {
    detail: `The cursor ${after} is beyond the newest event, ${last}.`,
    help: "Start again from a cursor that this session gave, or from 0.",
    more: { last },
  });
