/** The main thread's end of the thread that writes: gathers what is asked while a group is under way into the next one. */
import { Worker } from "node:worker_threads";
import type { Append, Clock } from "@corral/kernel";
import { Fault, type FaultRecord, isFault } from "@corral/protocol";
import type { Near } from "./sqlite-near.ts";
import type { Answer, FromWorker, ToWorker, WorkerNeed, Write } from "./sqlite-wire.ts";

/** Longer than any checkpoint on a disk that works. */
const closeWithinMs = 10_000;

/** A thread costs as much memory as a thousand sessions: one that has nothing to write for so long is let go. */
const restAfterMs = 60_000;

/** So long at the most what may wait does so for something to share its way to the disk with. */
const lingerMs = 2;

export type SendOptions = Pick<Append, "written" | "patient">;

interface Job extends SendOptions {
  readonly write: Write;
  readonly resolve: (answer: number) => void;
  readonly reject: (why: Fault) => void;
}

const faultOf = (record: FaultRecord): Fault => new Fault(record.code, record);

const closedFault = (): Fault =>
  new Fault("store.closed", { detail: "The store was closed before this was asked of it" });

const diedFault = (cause: unknown): Fault =>
  new Fault("store.closed", {
    detail: `The thread that writes the store died${cause instanceof Error ? `: ${cause.message}` : ""}`,
    help: "Start the daemon again; everything acknowledged is kept.",
    cause,
  });

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

/** Starts the thread and waits until it has the file open. */
async function start(url: URL, need: WorkerNeed): Promise<Worker> {
  const worker = new Worker(url, { workerData: need, name: "corral-store" });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  worker.once("message", (message: FromWorker) => {
    if (typeof message === "object" && "failed" in message) reject(faultOf(message.failed));
    else resolve();
  });
  worker.once("error", (error) => reject(diedFault(error)));
  worker.once("exit", () => reject(diedFault(undefined)));
  await promise;
  return worker;
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
  /** There is none before the first write, and none while nothing has been written for long. */
  #worker: Worker | undefined;
  #starting = false;
  #rest: (() => void) | undefined;
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
    this.#worker?.ref();
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
    else if (!this.#closing) this.#pause();
    else if (this.#worker) this.#worker.postMessage("close" satisfies ToWorker);
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
    this.#rest?.();
    if (!this.#worker) return void this.#hire();
    this.#flying = this.#waiting;
    this.#waiting = [];
    // Whoever waits for an answer keeps the program alive; an idle store does not.
    this.#worker.ref();
    this.#flownMs = this.#need.clock.monotonicMs();
    this.#worker.postMessage(this.#flying.map(({ write }) => write) satisfies ToWorker);
  }

  async #hire(): Promise<void> {
    this.#starting = true;
    try {
      const worker = await start(this.#need.url, this.#need.worker);
      if (this.#over) return void worker.terminate();
      worker.on("message", (answers: readonly Answer[]) => this.#settle(answers));
      worker.on("error", (error) => this.#lost(worker, diedFault(error)));
      worker.on("exit", () => this.#lost(worker, diedFault(undefined)));
      this.#worker = worker;
    } catch (error) {
      // Whoever comes next tries again: what was in the way, such as a limit of threads, may be gone.
      const refused = this.#waiting;
      this.#waiting = [];
      for (const { reject } of refused) reject(isFault(error) ? error : diedFault(error));
    }
    this.#starting = false;
    this.#next();
  }

  #pause(): void {
    this.#worker?.unref();
    this.#rest?.();
    this.#rest = this.#need.clock.after(restAfterMs, () => {
      this.#worker?.postMessage("close" satisfies ToWorker);
      this.#worker = undefined;
    });
  }

  /** One that was let go leaves as it should. */
  #lost(worker: Worker, why: Fault): void {
    if (worker === this.#worker) this.#end(why);
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
    this.#rest?.();
    this.#unflushed = [];
    this.#flying = this.#waiting = [];
    for (const { reject } of lost) reject(why);
    const worker = this.#worker;
    this.#worker = undefined;
    // Not waited for: a thread that hangs in the disk ends when the disk lets it.
    void worker?.terminate();
    this.#gone.resolve();
  }
}
