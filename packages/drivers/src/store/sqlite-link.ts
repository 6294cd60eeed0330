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

export interface Link {
  send(write: Write): Promise<number>;
  /** Commits what was sent before, then ends the thread; within a bound. */
  close(): Promise<void>;
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
  const worker = await start(url, need);
  worker.unref();
  return createLink(worker, clock);
}

function createLink(worker: Worker, clock: Clock): Link {
  let waiting: Job[] = [];
  let flying: readonly Job[] = [];
  let ended: Fault | undefined;
  let closing: Promise<void> | undefined;
  const gone = Promise.withResolvers<void>();

  const post = (message: ToWorker): void => worker.postMessage(message);

  /** One group at a time: a bigger next group is worth more than a second one under way. */
  function next(): void {
    if (flying.length > 0) return;
    if (waiting.length > 0) fly();
    else if (closing) post("close");
    else worker.unref();
  }

  function fly(): void {
    flying = waiting;
    waiting = [];
    // Whoever waits for an answer keeps the program alive; an idle store does not.
    worker.ref();
    post(flying.map(({ write }) => write));
  }

  /** After the callers at hand have had their say, so that their next appends share a group. */
  const soon = (): void => process.nextTick(next);

  function settle(answers: readonly Answer[]): void {
    const told = flying;
    const refused = new Set<string>();
    flying = [];
    for (const [at, { write, resolve, reject }] of told.entries()) {
      const answer = answers[at] ?? 0;
      if (typeof answer === "number") resolve(answer);
      else {
        if ("subject" in write) refused.add(write.subject);
        reject(faultOf(answer));
      }
    }
    if (refused.size > 0) refuseBehind(refused);
    soon();
  }

  /** What a writer sent before it heard of a refusal stood on the refused append. */
  function refuseBehind(refused: ReadonlySet<string>): void {
    const falls = ({ write }: Job): boolean => "subject" in write && refused.has(write.subject);
    const fallen = waiting.filter(falls);
    waiting = waiting.filter((job) => !falls(job));
    for (const { reject } of fallen)
      reject(faultOf({ code: "store.conflict", detail: "An append before it was refused" }));
  }

  function end(why: Fault): void {
    const lost = [...flying, ...waiting];
    ended ??= why;
    flying = waiting = [];
    for (const { reject } of lost) reject(why);
    gone.resolve();
  }

  worker.on("message", settle);
  worker.on("error", (error) => end(diedFault(error)));
  worker.on("exit", () => end(diedFault(undefined)));

  async function close(): Promise<void> {
    if (ended) return gone.promise;
    ended = closedFault();
    worker.ref();
    soon();
    const takeBack = clock.after(closeWithinMs, () => {
      end(stuckFault());
      // Not waited for: a thread that hangs in the disk ends when the disk lets it.
      void worker.terminate();
    });
    await gone.promise;
    takeBack();
  }

  return {
    send(write) {
      if (ended) return Promise.reject(ended);
      return new Promise((resolve, reject) => {
        if (waiting.push({ write, resolve, reject }) === 1 && flying.length === 0) soon();
      });
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
