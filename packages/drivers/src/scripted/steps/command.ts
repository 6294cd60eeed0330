/** Runs shell commands that never outlive the turn which started them. */

import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import type { Env } from "../scene.ts";

export interface Ran {
  readonly output: string;
  readonly exit: number | undefined;
  readonly signal: string | undefined;
}

const outputLimitBytes = 1024 * 1024;

/** A group of its own, so that an abort ends the shell together with what it started. */
export function runCommand(
  command: string,
  { cwd, env, signal }: { cwd: string; env: Env; signal: AbortSignal },
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const shell = spawn("sh", ["-c", command], { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const parts: Buffer[] = [];
    let room = outputLimitBytes;
    const collect = (part: Buffer) => {
      if (room > 0) parts.push(part.subarray(0, room));
      room -= part.length;
    };
    shell.stdout.on("data", collect);
    shell.stderr.on("data", collect);
    const onAbort = () => {
      endGroup(shell.pid);
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const forget = () => signal.removeEventListener("abort", onAbort);
    shell.on("error", (error) => {
      forget();
      reject(error);
    });
    shell.on("close", (exit, killedBy) => {
      forget();
      resolve({ output: Buffer.concat(parts).toString(), exit: exit ?? undefined, signal: killedBy ?? undefined });
    });
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group is gone already, which is what was wanted.
  }
}
