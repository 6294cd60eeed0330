/** The main thread's end of the thread that writes: gathers what is asked while a group is under way into the next one. */
import { Worker } from "node:worker_threads";
import type { Clock } from "@corral/kernel";
import { Fault, type FaultRecord } from "@corral/protocol";
import type { Answer, FromWorker, ToWorker, WorkerNeed, Write } from "./sqlite-wire.ts";

/** Longer than any checkpoint on a disk that works. */
const closeWithinMs = 10_000;

interface Job {
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

const stuckFault = (): Fault =>
  new Fault("store.closed", {
    detail: `The store did not finish its writes within ${closeWithinMs} ms of being closed`,
  });

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

export async function openLink(url: URL, need: WorkerNeed, clock: Clock): Promise<Link> {
  return new Link(await start(url, need), clock);
}

export class Link {
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #gone = Promise.withResolvers<void>();
  #waiting: Job[] = [];
  #flying: readonly Job[] = [];
  #ended: Fault | undefined;
  #closing: Promise<void> | undefined;

  constructor(worker: Worker, clock: Clock) {
    this.#worker = worker;
    this.#clock = clock;
    worker.on("message", (answers: readonly Answer[]) => this.#settle(answers));
    worker.on("error", (error) => this.#end(diedFault(error)));
    worker.on("exit", () => this.#end(diedFault(undefined)));
    worker.unref();
  }

  send(write: Write): Promise<number> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ write, resolve, reject }) === 1 && this.#flying.length === 0) this.#soon();
    });
  }

  /** Commits what was sent before, then ends the thread; within a bound. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#ended) return this.#gone.promise;
    this.#ended = closedFault();
    this.#worker.ref();
    this.#soon();
    const takeBack = this.#clock.after(closeWithinMs, () => {
      this.#end(stuckFault());
      // Not waited for: a thread that hangs in the disk ends when the disk lets it.
      void this.#worker.terminate();
    });
    await this.#gone.promise;
    takeBack();
  }

  /** After the callers at hand have had their say, so that their next appends share a group. */
  #soon(): void {
    process.nextTick(() => this.#next());
  }

  /** One group at a time: a bigger next group is worth more than a second one under way. */
  #next(): void {
    if (this.#flying.length > 0) return;
    if (this.#waiting.length > 0) this.#fly();
    else if (this.#closing) this.#post("close");
    else this.#worker.unref();
  }

  #fly(): void {
    this.#flying = this.#waiting;
    this.#waiting = [];
    // Whoever waits for an answer keeps the program alive; an idle store does not.
    this.#worker.ref();
    this.#post(this.#flying.map(({ write }) => write));
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #settle(answers: readonly Answer[]): void {
    const told = this.#flying;
    const refused = new Set<string>();
    this.#flying = [];
    for (const [at, { write, resolve, reject }] of told.entries()) {
      const answer = answers[at] ?? 0;
      if (typeof answer === "number") resolve(answer);
      else {
        if ("subject" in write) refused.add(write.subject);
        reject(faultOf(answer));
      }
    }
    if (refused.size > 0) this.#refuseBehind(refused);
    this.#soon();
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
    const lost = [...this.#flying, ...this.#waiting];
    this.#ended ??= why;
    this.#flying = this.#waiting = [];
    for (const { reject } of lost) reject(why);
    this.#gone.resolve();
  }
}
