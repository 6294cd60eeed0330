/** What is still there after a session was closed, and should not be. */
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { sleep } from "@corral/kernel";
import { carriersOf, isRunning } from "../look/processes.ts";
import type { Stage } from "./stage.ts";
import { signs } from "./story.ts";

/** How long what was closed may take to vanish from the system's tables. */
const settleMs = 5_000;

async function writtenPids({ work }: Stage): Promise<readonly number[]> {
  const files = [signs.child, signs.orphan, signs.tool, signs.last];
  const texts = await Promise.all(files.map((file) => readFile(join(work, file), "utf8").catch(() => "0"))); // Not every story writes each.
  return texts.map(Number).filter((pid) => pid > 0);
}

function tempFolders({ house }: Stage): readonly string[] {
  const runs = join(house.stateDir, "runs");
  if (!existsSync(runs)) return [];
  return readdirSync(runs)
    .map((run) => join(runs, run, "tmp"))
    .filter((folder) => existsSync(folder));
}

function look(stage: Stage, pids: readonly number[]): readonly string[] {
  const { house } = stage;
  return [
    ...carriersOf("CORRAL_OWNER", house.owner).map(
      ({ pid, command }) => `process ${pid} (${command.replaceAll("\0", " ").slice(0, 60)}) still runs`,
    ),
    ...pids.filter((pid) => isRunning(pid)).map((pid) => `process ${pid} of the story still runs`),
    ...tempFolders(stage).map((folder) => `the directory ${folder} is still there`),
    ...house.opened().map((file) => `the daemon still holds ${file}`),
  ];
}

export async function gatherLeft(stage: Stage): Promise<readonly string[]> {
  const { clock } = stage.house;
  const pids = await writtenPids(stage);
  const dueMs = clock.monotonicMs() + settleMs;
  for (;;) {
    const left = look(stage, pids);
    if (left.length === 0 || clock.monotonicMs() > dueMs) return left;
    await sleep(clock, 100, { signal: stage.signal });
  }
}
