/** Runs a program of the bench in a process of its own and takes the JSON that it prints last. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface Running<Result> {
  /** Resolves when it says that it is ready. */
  readonly ready: Promise<void>;
  readonly result: Promise<Result>;
}

/** Every line is JSON; `{"ready":true}` comes first, the result last. */
export function runProgram<Result>(name: "load" | "followers", request: unknown): Running<Result> {
  const child = spawn(process.execPath, [join(import.meta.dirname, `${name}.ts`), JSON.stringify(request)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ready = Promise.withResolvers<void>();
  const result = Promise.withResolvers<Result>();
  let last = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line === '{"ready":true}') ready.resolve();
    else last = line;
  });
  once(child, "close").then(([code]) => {
    const failed = new Error(`the bench's ${name} ended with ${code}`);
    ready.reject(failed);
    if (code === 0 && last !== "") result.resolve(JSON.parse(last) as Result);
    else result.reject(failed);
  }, result.reject);
  // Whoever waits for one of the two is told; the other may be of no interest.
  ready.promise.catch(() => "the result says the same");
  return { ready: ready.promise, result: result.promise };
}
