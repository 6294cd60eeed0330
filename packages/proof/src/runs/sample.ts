/** What a daemon holds when it rests: memory, open files, children and files on the disk. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type Clock, sleep } from "@corral/kernel";
import type { House } from "../cell/house.ts";
import { carriersOf, childrenOf } from "../look/processes.ts";
import { filesBelow } from "../look/size.ts";
import { type Settled, settle } from "./settle.ts";

export interface Sample extends Settled {
  readonly runs: number;
  /** Beyond what it had when it came up, without its connections to clients. */
  readonly openedFiles: readonly string[];
  readonly children: number;
  readonly carriers: readonly string[];
  readonly tempFolders: readonly string[];
  /** Directories of sessions and of runs, and files outside both. */
  readonly sessionFolders: number;
  readonly runFolders: number;
  readonly otherFiles: readonly string[];
  readonly stateBytes: number;
}

const restMs = 5_000;
const lookMs = 100;

const namesIn = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);

function look(house: House, runs: number): Omit<Sample, keyof Settled> {
  const { stateDir, pid, owner } = house;
  const files = filesBelow(stateDir);
  const kept = join(stateDir, "runs");
  return {
    runs,
    openedFiles: house.opened(),
    children: childrenOf(pid).length,
    carriers: carriersOf("CORRAL_OWNER", owner).map(
      ({ pid: one, command }) => `${one} ${command.replaceAll("\0", " ")}`,
    ),
    tempFolders: namesIn(kept).filter((run) => existsSync(join(kept, run, "tmp"))),
    sessionFolders: namesIn(join(stateDir, "sessions")).length,
    runFolders: namesIn(kept).length,
    otherFiles: files.map(({ path }) => path).filter((path) => !/^(runs|sessions)\//.test(path)),
    stateBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

const rests = ({ openedFiles, children, carriers, tempFolders }: Omit<Sample, keyof Settled>): boolean =>
  openedFiles.length + children + carriers.length + tempFolders.length === 0;

export interface SampleNeed {
  readonly house: House;
  readonly settleFile: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Waits, not for ever, until the daemon rests; then has it give back what it does not use, and looks. */
export async function takeSample({ house, settleFile, clock, signal }: SampleNeed, runs: number): Promise<Sample> {
  const dueMs = clock.monotonicMs() + restMs;
  while (!rests(look(house, runs)) && clock.monotonicMs() < dueMs) await sleep(clock, lookMs, { signal });
  const settled = await settle(house, settleFile, { clock, signal });
  return { ...look(house, runs), ...settled };
}
