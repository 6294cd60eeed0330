/** The main thread's end of the thread that writes: started at the first need, let go when there is none for long, and missed when it dies. */
import { Worker } from "node:worker_threads";
import type { Clock } from "@corral/kernel";
import { Fault, type FaultRecord, isFault } from "@corral/protocol";
import type { Answer, FromWorker, ToWorker, WorkerNeed, Write } from "./sqlite-wire.ts";

/** A thread costs as much memory as a thousand sessions: one that has nothing to write for so long is let go. */
const restAfterMs = 60_000;

export const faultOf = (record: FaultRecord): Fault => new Fault(record.code, record);

const diedFault = (cause: unknown): Fault =>
  new Fault("store.closed", {
    detail: `The thread that writes the store died${cause instanceof Error ? `: ${cause.message}` : ""}`,
    help: "Start the daemon again; everything acknowledged is kept.",
    cause,
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

export interface ThreadNeed {
  /** The thread's program. */
  readonly url: URL;
  readonly worker: WorkerNeed;
  readonly clock: Clock;
  /** It has committed a group. */
  readonly onAnswers: (answers: readonly Answer[]) => void;
  /** It is gone, and was not let go. */
  readonly onGone: (why: Fault) => void;
}

export class Thread {
  readonly #need: ThreadNeed;
  #worker: Worker | undefined;
  #ended = false;
  #rest: (() => void) | undefined;

  constructor(need: ThreadNeed) {
    this.#need = need;
  }

  get running(): boolean {
    return this.#worker !== undefined;
  }

  /** Resolves when it has the file open. Rejects when it cannot; whoever comes next may try again. */
  async hire(): Promise<void> {
    const { url, worker: need, onAnswers } = this.#need;
    try {
      const worker = await start(url, need);
      if (this.#ended) return void worker.terminate();
      worker.on("message", onAnswers);
      worker.on("error", (error) => this.#missed(worker, diedFault(error)));
      worker.on("exit", () => this.#missed(worker, diedFault(undefined)));
      this.#worker = worker;
    } catch (error) {
      throw isFault(error) ? error : diedFault(error);
    }
  }

  commit(group: readonly Write[]): void {
    this.#rest?.();
    // Whoever waits for an answer keeps the program alive; an idle store does not.
    this.#worker?.ref();
    this.#worker?.postMessage(group satisfies ToWorker);
  }

  /** There is nothing to do for now. */
  pause(): void {
    this.#worker?.unref();
    this.#rest?.();
    this.#rest = this.#need.clock.after(restAfterMs, () => {
      this.#worker?.postMessage("close" satisfies ToWorker);
      this.#worker = undefined;
    });
  }

  /** It closes the file and goes by itself, which is told as its end. */
  leave(): void {
    this.#worker?.ref();
    this.#worker?.postMessage("close" satisfies ToWorker);
  }

  /** Not waited for: a thread that hangs in the disk ends when the disk lets it. */
  end(): void {
    this.#ended = true;
    this.#rest?.();
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }

  /** One that was let go leaves as it should. */
  #missed(worker: Worker, why: Fault): void {
    if (worker === this.#worker) this.#need.onGone(why);
  }
}
