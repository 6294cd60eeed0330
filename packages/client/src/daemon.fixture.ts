/** The real daemon as a child process: started, killed and started again on the same state. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";

const program = inject("corral");

export interface DaemonFixture extends AsyncDisposable {
  readonly url: string;
  readonly folder: string;
  /** kill -9, and nothing else. */
  kill(): Promise<void>;
  /** Asks it to stop, as a service does. */
  stop(): Promise<void>;
  /** The same state, the same port. */
  start(): Promise<void>;
}

interface Wishes {
  readonly args?: readonly string[];
  readonly token?: string;
}

async function address(child: ChildProcess): Promise<string> {
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      child.emit("said");
    });
  }
  for (;;) {
    const found = /listens on (\S+)/.exec(said)?.[1];
    if (found !== undefined) return found;
    if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}:\n${said}`);
    await Promise.race([once(child, "said"), once(child, "exit")]);
  }
}

export async function startDaemon({ args = [], token }: Wishes = {}): Promise<DaemonFixture> {
  const folder = await mkdtemp(join(tmpdir(), "corral-"));
  const env = { PATH: process.env.PATH ?? "", HOME: folder, ...(token ? { CORRAL_TOKEN: token } : {}) };
  let child: ChildProcess | undefined;
  let url = "";
  async function start(): Promise<void> {
    const port = url === "" ? "0" : new URL(url).port;
    const line = [program, "serve", "--port", port, "--state", join(folder, "state"), ...args];
    child = spawn(process.execPath, line, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    url = await address(child);
  }
  async function end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
  await start();
  return {
    url,
    folder,
    start,
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    async [Symbol.asyncDispose]() {
      await end("SIGTERM");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
