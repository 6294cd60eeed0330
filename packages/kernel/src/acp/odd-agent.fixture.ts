/** An agent that answers each method as its plan says, however odd, and notes every frame that it was sent. */
import { appendFileSync, closeSync } from "node:fs";
import { createInterface } from "node:readline";

export interface OddAnswer {
  /** Frames written before the answer, and behind it in the same breath. */
  readonly before?: readonly unknown[];
  readonly after?: readonly unknown[];
  readonly result?: unknown;
  readonly error?: unknown;
  /** What it does then; without a result or an error of its own it does not answer. */
  readonly ends?: "die" | "close stdout" | "close stdin" | "say nothing";
}
export type OddPlan = Readonly<Record<string, OddAnswer>>;

/** Only as a program: the plan and the file for its notes are its arguments. */
function play(plan: OddPlan, notes: string): void {
  createInterface({ input: process.stdin }).on("line", (line) => {
    appendFileSync(notes, `${line}\n`);
    const { id, method } = JSON.parse(line);
    const told = plan[method] ?? {};
    const { before = [], after = [], result, error, ends } = told;
    const answers = id !== undefined && (ends === undefined || result !== undefined || error !== undefined);
    const answer = { jsonrpc: "2.0", id, ...(error === undefined ? { result: result ?? {} } : { error }) };
    const frames = [...before, ...(answers ? [answer] : []), ...after];
    process.stdout.write(frames.map((frame) => `${JSON.stringify(frame)}\n`).join(""), () => {
      if (ends === "die") process.exit(7);
      if (ends === "close stdout") closeSync(1);
      if (ends === "close stdin") closeSync(0);
    });
  });
  // Only a signal ends it, even when its pipes are closed.
  setInterval(() => undefined, 60_000);
}

const [, program, plan, notes] = process.argv;
if (program === import.meta.filename && plan && notes) play(JSON.parse(plan), notes);
