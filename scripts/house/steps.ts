/** Runs the programs that the one command consists of, and keeps what they say. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "./source.ts";

export interface Outcome {
  readonly code: number;
  readonly output: string;
}

export interface StepNeed {
  readonly command: string;
  readonly args: readonly string[];
  /** Whether the reader follows the program while it runs. */
  readonly show: boolean;
  /** Ends the program before its time. */
  readonly ends?: AbortSignal;
  /** After being asked to end it has so long before it is ended. */
  readonly graceMs?: number;
}

const programs = join(root, "node_modules", ".bin");

/** The environment of a step: the repository's own programs come first, its own Node among them. */
const stepEnvironment = (): NodeJS.ProcessEnv => ({ ...process.env, PATH: `${programs}:${process.env.PATH ?? ""}` });

/** Politely first; what it does not hear ends it anyway. */
function end(child: ChildProcess, graceMs: number): void {
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), graceMs);
  child.once("exit", () => clearTimeout(late));
}

export function runStep({ command, args, show, ends, graceMs = 15_000 }: StepNeed): Promise<Outcome> {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(command, args, { cwd: root, env: stepEnvironment(), stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        if (show) process.stdout.write(text);
      });
    }
    const atEnd = () => end(child, graceMs);
    if (ends?.aborted) atEnd();
    ends?.addEventListener("abort", atEnd, { once: true });
    child.on("error", (error) => resolve({ code: 127, output: `${command} could not be started: ${error.message}` }));
    child.on("close", (code, signal) => {
      ends?.removeEventListener("abort", atEnd);
      resolve({ code: code ?? 1, output: signal ? `${output}\n${command} was ended by ${signal}` : output });
    });
  });
}
