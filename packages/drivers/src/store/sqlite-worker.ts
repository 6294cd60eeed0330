/** The thread that writes the SQLite file: opens it, then commits one group of writes after another. */
import { parentPort, workerData } from "node:worker_threads";
import { refusalOf } from "./sqlite-faults.ts";
import { openToWrite } from "./sqlite-open.ts";
import type { FromWorker, ToWorker, WorkerNeed } from "./sqlite-wire.ts";
import { Writer } from "./sqlite-write.ts";

const say = (message: FromWorker): void => parentPort?.postMessage(message);

function serve(need: WorkerNeed): void {
  const db = openToWrite(need);
  const writer = new Writer(db);
  parentPort?.on("message", (message: ToWorker) => {
    if (message !== "close") return say(writer.apply(message));
    db.close();
    parentPort?.close();
  });
  say("ready");
}

try {
  serve(workerData as WorkerNeed);
} catch (error) {
  say({ failed: refusalOf(error) });
}
