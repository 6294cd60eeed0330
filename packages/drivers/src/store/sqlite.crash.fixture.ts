/** The thread that writes, but one that dies when it is asked to append to "crash" and hangs at "hang". */
import { parentPort } from "node:worker_threads";

// Registered before the true program's listener, so that it is asked first.
parentPort?.on("message", (message: unknown) => {
  const text = JSON.stringify(message);
  if (text.includes('"crash"')) process.exit(1);
  if (text.includes('"hang"')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
await import("./sqlite-worker.ts");
