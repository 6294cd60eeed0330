/** What a cell is played on: a daemon, a session in a workspace with something outside it, and those who watch. */
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Corral, connect, type Session } from "@corral/client";
import { sleep } from "@corral/kernel";
import type { Session as SessionState, TurnId } from "@corral/protocol";
import type { Canaries } from "../look/canaries.ts";
import type { Closing, Crash, TurnEndSeen } from "../look/evidence.ts";
import { type Cell, nameOf } from "../matrix/cells.ts";
import type { ClientProgram } from "./client-program.ts";
import type { House } from "./house.ts";
import { storyOf } from "./story.ts";
import { follow, type Witness } from "./witness.ts";

/** What is collected while a cell is played. */
export interface Notebook {
  readonly turns: TurnId[];
  readonly titles: string[];
  readonly crashes: Crash[];
  readonly ends: TurnEndSeen[];
  readonly closings: Closing[];
  /** What took longer than is promised, be it within our patience or not. */
  readonly slow: string[];
  readonly spills: string[];
  readonly states: SessionState[];
  /** What the cell itself expected otherwise. */
  readonly surprises: string[];
  /** What was done, for the reader of a failure. */
  readonly steps: string[];
}

export interface Stage {
  readonly cell: Cell;
  readonly house: House;
  readonly corral: Corral;
  readonly session: Session;
  readonly work: string;
  readonly outside: string;
  readonly canaries: Canaries;
  readonly witness: Witness;
  readonly witnesses: readonly Witness[];
  readonly clients: ClientProgram[];
  readonly notes: Notebook;
  readonly signal: AbortSignal;
  /** A number from zero up to a bound, the same for the same seed. */
  readonly chance: (below: number) => number;
}

export interface StageNeed {
  readonly cell: Cell;
  readonly house: House;
  readonly folder: string;
  readonly chance: (below: number) => number;
  readonly signal: AbortSignal;
  readonly notes: Notebook;
}

export const emptyNotebook = (): Notebook => ({
  turns: [],
  titles: [],
  crashes: [],
  ends: [],
  closings: [],
  slow: [],
  spills: [],
  states: [],
  surprises: [],
  steps: [],
});

/** The name of the secret that the scripted agent takes. */
export const secretName = "SCRIPTED_KEY";

async function furnish(folder: string): Promise<{ readonly work: string; readonly outside: string }> {
  const [work, outside] = [join(folder, "work"), join(folder, "outside")];
  await mkdir(work, { recursive: true });
  await mkdir(outside, { recursive: true });
  await writeFile(join(outside, "canary.txt"), "untouched\n");
  await symlink(outside, join(work, "link"));
  return { work, outside };
}

export async function openStage({ cell, house, folder, chance, signal, notes }: StageNeed): Promise<Stage> {
  const { work, outside } = await furnish(folder);
  const corral = connect({ url: house.url, token: house.token, signal });
  const word = `canary-${Buffer.from(house.clock.chance(12)).toString("hex")}`;
  const session = await corral.sessions.open({
    agent: "scripted",
    cwd: work,
    title: nameOf(cell),
    options: { story: storyOf(cell, outside) },
    secrets: { [secretName]: word },
  });
  house.remember();
  const witness = follow(session, { who: "the follower from the start", signal });
  const other = connect({ url: house.url, token: house.token, signal });
  const fickle = follow(await other.sessions.get(session.id), {
    who: "the follower that comes and goes",
    signal,
    hangUpAfter: () => 1 + chance(9),
  });
  return {
    cell,
    house,
    corral,
    session,
    work,
    outside,
    canaries: { ...house.canaries, session: word },
    witness,
    witnesses: [witness, fickle],
    clients: [],
    notes,
    signal,
    chance,
  };
}

export const note = ({ notes, house }: Stage, step: string): void =>
  void notes.steps.push(`${Math.round(house.clock.monotonicMs())} ${step}`);

/** Waits for what is not an event; the time limit of the cell is the bound. */
export async function until({ house, signal }: Stage, holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(house.clock, 5, { signal });
}

/** The pid that a story wrote down. */
export async function pidIn(stage: Stage, file: string): Promise<number> {
  const path = join(stage.work, file);
  let pid = 0;
  await until(stage, async () => {
    pid = Number(await readFile(path, "utf8").catch(() => "0")); // Not written yet.
    return pid > 0;
  });
  return pid;
}

export const open = ({ work }: Stage, file: string): Promise<void> => writeFile(join(work, file), "");

/** What is different outside the workspace from what was put there. */
export async function changedOutside({ outside }: Pick<Stage, "outside">): Promise<readonly string[]> {
  const names = await readdir(outside);
  const text = await readFile(join(outside, "canary.txt"), "utf8").catch(() => "gone");
  return [
    ...names.filter((name) => name !== "canary.txt").map((name) => `${name} was made outside the workspace`),
    ...(text === "untouched\n" ? [] : [`the file outside the workspace says ${JSON.stringify(text.slice(0, 80))}`]),
  ];
}
