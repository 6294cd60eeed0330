/** The way of a write to the disk: what is asked while a group is under way is gathered into the next one, here or on the thread. */
import type { Append, Clock } from "@corral/kernel";
import { Fault, type FaultRecord } from "@corral/protocol";
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

export const closedFault = (): Fault =>
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

/** Never seen; should it be, then nobody is told that something is kept of which nothing is known. */
const unanswered: FaultRecord = { code: "store.closed", detail: "The store did not say what became of this write." };

/** Only what somebody hears of as written may be seen before it is on the disk. */
const canWait = ({ patient, written }: Job): boolean => patient === true && written !== undefined;

/** What the link is at; it begins with the next group when it is at nothing. */
type Doing =
  | { readonly at: "nothing" | "starting" | "flushing" | "pausing" | "over" }
  | { readonly at: "flying"; readonly group: readonly Job[]; readonly sinceMs: number };

interface Written {
  readonly group: readonly Job[];
  readonly answers: readonly Answer[];
}

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
  #doing: Doing = { at: "nothing" };
  #waiting: Job[] = [];
  /** What is written on this thread, and is not on the disk yet. */
  #unflushed: Written[] = [];
  #lingering: (() => void) | undefined;
  #ended: Fault | undefined;
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
      if (this.#waiting.push({ ...options, write, resolve, reject }) === 1 && this.#doing.at === "nothing")
        this.#soon();
    });
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
    if (this.#doing.at !== "nothing") return;
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
      if (this.#doing.at !== "over") this.#fly();
    }
  }

  #written(group: readonly Job[], answers: readonly Answer[]): void {
    this.#unflushed.push({ group, answers });
    if (group.every(canWait) && answers.every((answer) => typeof answer === "number")) this.#linger();
    else if (group.some(({ written }) => written)) this.#flushSoon();
    else this.#flush();
    tellWritten(group, answers);
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
    this.#doing = { at: "flushing" };
    queueMicrotask(() => process.nextTick(() => this.#flush()));
  }

  #flush(): void {
    this.#lingering?.();
    this.#lingering = undefined;
    if (this.#unflushed.length === 0) return;
    try {
      this.#need.near.flush();
    } catch (error) {
      this.#end(unflushedFault(error));
      return;
    }
    // What is read and heard meanwhile has its turn before the next commit on this thread.
    this.#doing = { at: "pausing" };
    this.#need.clock.soon(() => {
      if (this.#doing.at === "pausing") this.#doing = { at: "nothing" };
      this.#next();
    });
    const told = this.#unflushed;
    this.#unflushed = [];
    for (const { group, answers } of told) this.#tell(group, answers);
  }

  #fly(): void {
    if (!this.#thread.running) return void this.#hire();
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    this.#doing = { at: "flying", group, sinceMs: this.#need.clock.monotonicMs() };
    this.#thread.commit(group.map(({ write }) => write));
  }

  async #hire(): Promise<void> {
    this.#doing = { at: "starting" };
    try {
      await this.#thread.hire();
    } catch (why) {
      // Whoever comes next tries again: what was in the way, such as a limit of threads, may be gone.
      const refused = this.#waiting;
      this.#waiting = [];
      for (const { reject } of refused) reject(why);
    }
    if (this.#doing.at === "starting") this.#doing = { at: "nothing" };
    this.#next();
  }

  #settle(answers: readonly Answer[]): void {
    if (this.#doing.at !== "flying") return;
    const { group, sinceMs } = this.#doing;
    this.#doing = { at: "nothing" };
    tellWritten(group, answers);
    this.#need.near.tookElsewhere(this.#need.clock.monotonicMs() - sinceMs);
    this.#tell(group, answers);
    this.#soon();
  }

  #tell(told: readonly Job[], answers: readonly Answer[]): void {
    const refused = new Set<string>();
    for (const [at, { write, resolve, reject }] of told.entries()) {
      const answer = answers[at] ?? unanswered;
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
    const flying = this.#doing.at === "flying" ? this.#doing.group : [];
    const lost = [...this.#unflushed.flatMap(({ group }) => group), ...flying, ...this.#waiting];
    this.#doing = { at: "over" };
    this.#ended ??= why;
    if (!this.#closing) this.#unasked.resolve(why);
    this.#unflushed = [];
    this.#waiting = [];
    for (const { reject } of lost) reject(why);
    this.#thread.end();
    this.#gone.resolve();
  }
}
