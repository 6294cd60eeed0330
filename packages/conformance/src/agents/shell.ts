/** Runs shell commands in groups of their own, so that ending one ends all that it started. */
import { spawn } from "node:child_process";
import type { Json } from "./wire.ts";

export interface Shells {
  /** Resolves with what the command printed. */
  run(command: string, cwd: string, signal: AbortSignal): Promise<string>;
  endAll(): void;
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** `spared`: a cancelled one runs on, which is a flaw. */
export function openShells({ spared }: { readonly spared: boolean }): Shells {
  const running = new Set<number>();
  return {
    run(command, cwd, signal) {
      const child = spawn("sh", ["-c", command], { cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] });
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const { pid } = child;
      if (pid !== undefined && !spared) running.add(pid);
      let printed = "";
      for (const pipe of [child.stdout, child.stderr]) pipe.on("data", (bytes: Buffer) => (printed += String(bytes)));
      const stop = () => {
        if (pid !== undefined && !spared) endGroup(pid);
        reject(signal.reason);
      };
      signal.addEventListener("abort", stop, { once: true });
      child.once("error", reject);
      child.once("close", () => {
        signal.removeEventListener("abort", stop);
        if (pid !== undefined) running.delete(pid);
        resolve(printed);
      });
      return promise;
    },
    endAll() {
      for (const pid of running) endGroup(pid);
    },
  };
}

export const textContent = (text: string): Json => ({ type: "content", content: { type: "text", text } });
