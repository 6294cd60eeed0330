/** What the tests of this folder share: a state directory, programs that misbehave, and a way to wait for a condition. */
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { makeId, type RunId } from "@corral/protocol";
import { systemClock } from "../ports/clock.system.ts";
import { isAlive, startTicksOf } from "./proc-table.ts";
import type { Processes, SpawnNeed } from "./process.ts";
import { createProcesses, ownerOf } from "./processes.ts";

export const newRun = (): RunId => makeId("run", systemClock.now(), systemClock.chance(16));

export const shell = "/bin/sh";
export const searchPath = "/usr/local/bin:/usr/bin:/bin";

/** Waits for a condition; the test's own time limit is the bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(10);
}

/** Reads one line and goes on reading, so that the program never waits for us. */
export function firstLine(stream: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end !== -1) resolve(text.slice(0, end));
    });
    stream.on("end", () => reject(new Error(`the stream ended without a line: ${text}`)));
  });
}

/** Remembers who has this pid now; answers later whether exactly that process still runs. */
export function watchPid(pid: number): () => boolean {
  const startTicks = startTicksOf(pid);
  return () => startTicks !== undefined && isAlive({ pid, startTicks });
}

export const readText = (path: string): Promise<string> => readFile(path, "utf8");

export interface Stage {
  readonly stateDir: string;
  readonly processes: Processes;
  /** The needs of a shell script. */
  script(text: string, over?: Partial<SpawnNeed>): SpawnNeed;
  /** The needs of a piece of JavaScript. */
  program(text: string, over?: Partial<SpawnNeed>): SpawnNeed;
  end(): Promise<void>;
}

export function openStage(stateDir: string = mkdtempSync(join(tmpdir(), "corral-"))): Stage {
  const processes = createProcesses({ clock: systemClock, stateDir, owner: ownerOf(stateDir), hostEnv: {} });
  const need = (command: string, args: readonly string[], over: Partial<SpawnNeed>): SpawnNeed => ({
    run: newRun(),
    name: "fixture",
    command,
    args,
    cwd: stateDir,
    env: { PATH: searchPath },
    ...over,
  });
  return {
    stateDir,
    processes,
    script: (text, over = {}) => need(shell, ["-c", text], over),
    program: (text, over = {}) => need(process.execPath, ["-e", text], over),
    async end() {
      await processes[Symbol.asyncDispose]();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
