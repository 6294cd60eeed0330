/** The way of a write to the disk: what is asked while a group is under way is gathered into the next one, here or on the thread. */
import type { Append, Clock } from "@corral/kernel";
import { Fault } from "@corral/protocol";
import type { Near } from "./sqlite-near.ts";
import { faultOf, Thread } from "./sqlite-thread.ts";
import type { Answer, WorkerNeed, Write } from "./sqlite-wire.ts";

/** Longer than any checkpoint on a disk that works. */
const closeWithinMs = 10_000;

/** So long at the most what may wait does so for something to share its way to the disk with. */
const lingerMs = 2;

export type SendOptions = Pick<Append, "written" | "patient">;

interface Job extends SendOptions {
  readonly write: Write;
  readonly resolve: (answer: number) => void;
  readonly reject: (why: unknown) => void;
}

const closedFault = (): Fault =>
  new Fault("store.closed", { detail: "The store was closed before this was asked of it" });

const unflushedFault = (cause: unknown): Fault =>
  new Fault("store.closed", {
    detail: `The disk did not keep what was written${cause instanceof Error ? `: ${cause.message}` : ""}`,
    help: "See to the disk, then start the daemon again; everything acknowledged is kept.",
    cause,
  });

const stuckFault = (): Fault =>
  new Fault("store.closed", {
    detail: `The store did not finish its writes within ${closeWithinMs} ms of being closed`,
  });

function tellWritten(group: readonly Job[], answers: readonly Answer[]): void {
  for (const [at, { written }] of group.entries()) if (typeof answers[at] === "number") written?.();
}

export interface LinkNeed {
  /** The thread's program. */
  readonly url: URL;
  readonly worker: WorkerNeed;
  readonly near: Near;
  readonly clock: Clock;
}

export class Link {
  readonly #need: LinkNeed;
  readonly #gone = Promise.withResolvers<void>();
  readonly #unasked = Promise.withResolvers<Fault>();
  readonly #thread: Thread;
  #starting = false;
  #waiting: Job[] = [];
  #flying: readonly Job[] = [];
  #flownMs = 0;
  /** What is written on this thread, and is not on the disk yet. */
  #unflushed: { readonly group: readonly Job[]; readonly answers: readonly Answer[] }[] = [];
  #flushing = false;
  #lingering: (() => void) | undefined;
  /** What is read and heard meanwhile has its turn before the next commit on this thread. */
  #pausing = false;
  #ended: Fault | undefined;
  #over = false;
  #closing: Promise<void> | undefined;

  constructor(need: LinkNeed) {
    this.#need = need;
    const { url, worker, clock } = need;
    const onAnswers = (answers: readonly Answer[]) => this.#settle(answers);
    this.#thread = new Thread({ url, worker, clock, onAnswers, onGone: (why) => this.#end(why) });
  }

  /** As the port of stores has it. */
  get lost(): Promise<Fault> {
    return this.#unasked.promise;
  }

  send(write: Write, options?: SendOptions): Promise<number> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ ...options, write, resolve, reject }) === 1 && !this.#busy) this.#soon();
    });
  }

  get #busy(): boolean {
    return this.#flying.length > 0 || this.#starting || this.#flushing || this.#pausing;
  }

  /** Commits what was sent before, then ends the thread; within a bound. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#flush();
    // The thread closes last: a disk that hangs while the log is folded into the file hangs nobody else.
    this.#need.near.close();
    if (this.#ended) return this.#gone.promise;
    this.#ended = closedFault();
    this.#soon();
    const takeBack = this.#need.clock.after(closeWithinMs, () => this.#end(stuckFault()));
    await this.#gone.promise;
    takeBack();
  }

  /** After the callers at hand have had their say, so that their next appends share a group. */
  #soon(): void {
    process.nextTick(() => this.#next());
  }

  /** One group at a time: a bigger next group is worth more than a second one under way. */
  #next(): void {
    if (this.#busy) return;
    if (this.#waiting.length > 0) this.#commit();
    else if (!this.#closing) this.#thread.pause();
    else if (this.#thread.running) this.#thread.leave();
    else this.#end(closedFault());
  }

  #commit(): void {
    const group = this.#waiting;
    const answers = this.#need.near.write(group.map(({ write }) => write));
    if (answers) {
      this.#waiting = [];
      this.#written(group, answers);
    } else {
      this.#flush();
      if (!this.#over) this.#fly();
    }
  }

  #written(group: readonly Job[], answers: readonly Answer[]): void {
    this.#unflushed.push({ group, answers });
    tellWritten(group, answers);
    if (group.every(({ patient }) => patient) && answers.every((answer) => typeof answer === "number")) this.#linger();
    else if (group.some(({ written }) => written)) this.#flushSoon();
    else this.#flush();
  }

  #linger(): void {
    if (this.#lingering) return;
    const over = () => this.#flush();
    const takeBack = this.#need.clock.after(lingerMs, over);
    // A program that has nothing else to wait for waits no longer.
    process.once("beforeExit", over);
    this.#lingering = () => {
      takeBack();
      process.off("beforeExit", over);
    };
  }

  /** Whoever was told has its say first: what it starts, such as a harness, goes on while we wait for the disk. */
  #flushSoon(): void {
    this.#flushing = true;
    queueMicrotask(() => process.nextTick(() => this.#flush()));
  }

  #flush(): void {
    this.#lingering?.();
    this.#lingering = undefined;
    this.#flushing = false;
    if (this.#unflushed.length === 0) return;
    try {
      this.#need.near.flush();
    } catch (error) {
      this.#end(unflushedFault(error));
      return;
    }
    this.#pausing = true;
    this.#need.clock.soon(() => {
      this.#pausing = false;
      this.#next();
    });
    const told = this.#unflushed;
    this.#unflushed = [];
    for (const { group, answers } of told) this.#tell(group, answers);
  }

  #fly(): void {
    if (!this.#thread.running) return void this.#hire();
    this.#flying = this.#waiting;
    this.#waiting = [];
    this.#flownMs = this.#need.clock.monotonicMs();
    this.#thread.commit(this.#flying.map(({ write }) => write));
  }

  async #hire(): Promise<void> {
    this.#starting = true;
    try {
      await this.#thread.hire();
    } catch (why) {
      // Whoever comes next tries again: what was in the way, such as a limit of threads, may be gone.
      const refused = this.#waiting;
      this.#waiting = [];
      for (const { reject } of refused) reject(why);
    }
    this.#starting = false;
    this.#next();
  }

  #settle(answers: readonly Answer[]): void {
    const told = this.#flying;
    this.#flying = [];
    tellWritten(told, answers);
    this.#need.near.tookElsewhere(this.#need.clock.monotonicMs() - this.#flownMs);
    this.#tell(told, answers);
    this.#soon();
  }

  #tell(told: readonly Job[], answers: readonly Answer[]): void {
    const refused = new Set<string>();
    for (const [at, { write, resolve, reject }] of told.entries()) {
      const answer = answers[at] ?? 0;
      if (typeof answer === "number") resolve(answer);
      else {
        if ("subject" in write) refused.add(write.subject);
        reject(faultOf(answer));
      }
    }
    if (refused.size > 0) this.#refuseBehind(refused);
  }

  /** What a writer sent before it heard of a refusal stood on the refused append. */
  #refuseBehind(refused: ReadonlySet<string>): void {
    const falls = ({ write }: Job): boolean => "subject" in write && refused.has(write.subject);
    const fallen = this.#waiting.filter(falls);
    this.#waiting = this.#waiting.filter((job) => !falls(job));
    for (const { reject } of fallen) {
      reject(faultOf({ code: "store.conflict", detail: "An append before it was refused" }));
    }
  }

  #end(why: Fault): void {
    const lost = [...this.#unflushed.flatMap(({ group }) => group), ...this.#flying, ...this.#waiting];
    this.#ended ??= why;
    this.#over = true;
    if (!this.#closing) this.#unasked.resolve(why);
    this.#unflushed = [];
    this.#flying = this.#waiting = [];
    for (const { reject } of lost) reject(why);
    this.#thread.end();
    this.#gone.resolve();
  }
}
