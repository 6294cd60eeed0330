/** Every child of the house: started with marks, watched, closed by the ladder, and swept until nothing is left of its run. */
import { createHash } from "node:crypto";
import { realpathSync, statSync } from "node:fs";
import { Fault, type RunId } from "@corral/protocol";
import { type Clock, isoTime } from "../ports/clock.ts";
import { openLeaves } from "./cgroup.ts";
import { type Launched, launch, pipeGraceMs } from "./child.ts";
import { climb, usualLadder } from "./ladder.ts";
import { type Claims, createOwnership } from "./ownership.ts";
import { createTableReader, ownerMark, residentBytesOf, runMark } from "./proc-table.ts";
import type { Child, Exit, Ladder, Processes, Residue, SpawnNeed } from "./process.ts";
import { describeResidue } from "./residue.ts";
import { createRollCall } from "./roll-call.ts";
import { createRunFolders } from "./run-folders.ts";
import { formerRuns, killAll, type SweepNeed, sweepRun, worthTelling } from "./sweep.ts";
import { heldOpen, settlesWithin } from "./waiting.ts";

export interface ProcessesNeed {
  readonly clock: Clock;
  readonly stateDir: string;
  /** Whose children these are, the same in every life of a daemon: see `ownerOf`. */
  readonly owner: string;
  /** The host's environment. Children inherit nothing of it; its PATH finds the programs of children that have none. */
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
}

/** How long all of the closing may take before the rest is killed without ceremony. */
const disposeLimitMs = 2_500;

/** A stable name of a state directory, which must exist: the same after a restart, another for a copy. */
export function ownerOf(stateDir: string): string {
  const { dev, ino } = statSync(stateDir);
  return createHash("sha256")
    .update(`${realpathSync(stateDir)}\0${dev}\0${ino}`)
    .digest("hex")
    .slice(0, 16);
}

interface OpenChild extends Child {
  readonly launched: Launched;
}

/** What this life knows of a run. */
interface RunLife {
  /** Children that were not closed yet, in the order of their starting. */
  children: readonly OpenChild[];
  /** Something ended as it should not have; what it said is worth keeping. */
  abnormal: boolean;
  /** From now on ends are our own doing. */
  ending: boolean;
}

const stopping = (): Fault =>
  new Fault("daemon.stopping", {
    detail: "No program is started while the daemon stops.",
    help: "Try again when it is back.",
  });

/** The lives of the runs of this daemon, and the one sweep that a run may have at a time. */
function createLives(need: SweepNeed) {
  const lives = new Map<RunId, RunLife>();
  const sweeping = new Map<RunId, Promise<Residue>>();
  const sweepOnce = async (run: RunId, limitMs: number): Promise<Residue> => {
    const life = lives.get(run);
    if (life) life.ending = true;
    const keepStderr = async () => {
      const ends = Promise.all((life?.children ?? []).map(({ exited }) => exited));
      await settlesWithin(need.clock, ends, pipeGraceMs * 2);
      // Of a run that is not of this life nobody knows how it ended: what it said may tell.
      return life?.abnormal ?? true;
    };
    const residue = await sweepRun(need, run, { limitMs, keepStderr });
    lives.delete(run);
    return residue;
  };
  return {
    runs: (): readonly RunId[] => [...lives.keys()],
    children: (): readonly OpenChild[] => [...lives.values()].flatMap(({ children }) => children),
    find: (run: RunId): RunLife | undefined => lives.get(run),
    /** The life of a run, begun now if need be, and never in the middle of its sweep. */
    async begin(run: RunId): Promise<RunLife> {
      for (let sweep = sweeping.get(run); sweep; sweep = sweeping.get(run)) await sweep;
      const life = lives.get(run) ?? { children: [], abnormal: false, ending: false };
      lives.set(run, life);
      need.ownership.begin(run);
      return life;
    },
    sweep(run: RunId, limitMs: number): Promise<Residue> {
      const sweep = sweeping.get(run) ?? sweepOnce(run, limitMs).finally(() => sweeping.delete(run));
      sweeping.set(run, sweep);
      return sweep;
    },
  };
}

type Lives = ReturnType<typeof createLives>;

interface CloseNeed extends SweepNeed {
  readonly lives: Lives;
  readonly launched: Launched;
  readonly run: RunId;
  readonly ladder: Ladder;
}

async function closeChild({ lives, launched, run, ladder, ...need }: CloseNeed): Promise<Exit> {
  const life = lives.find(run);
  const step = await climb({ ...need, child: launched, ladder });
  if (life && step === "kill") life.abnormal = true;
  const others = life?.children.some((other) => other.launched !== launched && !other.launched.reaped());
  if (others) await killAll(need, { which: (claims) => claims.ofChild(launched), limitMs: ladder.killMs });
  else await lives.sweep(run, ladder.killMs);
  if (life) life.children = life.children.filter((other) => other.launched !== launched);
  const told = await settlesWithin(need.clock, launched.exited, Math.max(ladder.killMs, pipeGraceMs * 2));
  return told ? launched.exited : { stderr: launched.stderr() };
}

interface ChildNeed extends SweepNeed {
  readonly lives: Lives;
  readonly life: RunLife;
  readonly launched: Launched;
  readonly need: SpawnNeed;
}

/** Notes how a child ends, and who is left in its session while that can still be told. */
function watchEnd({ launched, life, rollCall }: ChildNeed, isClosing: () => boolean): void {
  void launched.exited.then(({ code, signal }) => {
    if (!life.ending && !isClosing() && (signal !== undefined || code !== 0)) life.abnormal = true;
  });
  void launched.ended
    .then(() => rollCall.next())
    // A look that fails here is only an early one; the look of the close fails loudly.
    .catch((cause: unknown) => cause);
}

function childOf(parts: ChildNeed): OpenChild {
  const { launched, need, life, clock, rollCall, ownership, folders, leaves, lives } = parts;
  let closing: Promise<Exit> | undefined;
  const child: OpenChild = {
    launched,
    pid: launched.pid,
    name: need.name,
    run: need.run,
    startedAt: isoTime(clock),
    stdin: launched.stdin,
    stdout: launched.stdout,
    stderr: launched.stderr,
    exited: launched.exited,
    signal: launched.signalGroup,
    close(ladder = {}) {
      const whole = { ...usualLadder, ...ladder };
      const base = { clock, rollCall, ownership, folders, leaves, lives };
      closing ??= heldOpen(() => closeChild({ ...base, launched, run: need.run, ladder: whole }));
      return closing;
    },
  };
  watchEnd(parts, () => closing !== undefined);
  life.children = [...life.children, child];
  return child;
}

/** Runs are closed beside each other, each one's children in the reverse order of their starting. */
async function closeRun(lives: Lives, run: RunId): Promise<void> {
  for (const child of (lives.find(run)?.children ?? []).toReversed()) await child.close();
  await lives.sweep(run, usualLadder.killMs);
}

async function closeAll(lives: Lives, clock: Clock): Promise<void> {
  const runs = lives.runs().toReversed();
  const closings = Promise.allSettled(runs.map((run) => closeRun(lives, run)));
  if (!(await settlesWithin(clock, closings, disposeLimitMs))) {
    await Promise.all(runs.map((run) => lives.sweep(run, usualLadder.killMs)));
    return;
  }
  // One that fails must not keep the others from being closed; its failure is told when all are.
  for (const closing of await closings) if (closing.status === "rejected") throw closing.reason;
}

type HouseNeed = Omit<ProcessesNeed, "hostEnv">;

function createSweepNeed({ clock, stateDir, owner }: HouseNeed): SweepNeed {
  const leaves = openLeaves({ owner });
  const ownership = createOwnership({ owner, selfPid: process.pid, ...(leaves ? { members: leaves.members } : {}) });
  const readTable = createTableReader();
  const rollCall = createRollCall<Claims>({ clock, look: () => ownership.claim(readTable()) });
  return { clock, rollCall, ownership, folders: createRunFolders(stateDir), leaves };
}

async function leftoversOf(need: SweepNeed): Promise<readonly Residue[]> {
  const { runs, claims } = await formerRuns(need);
  return worthTelling(runs.map((run) => describeResidue(run, claims.of(run), need.folders.temps(run))));
}

/**
 * Looks for what a daemon of this state directory left behind, and touches nothing. Only for whoever holds the directory:
 * to anybody else the runs of the daemon that does would look like leftovers.
 */
export async function findLeftovers(need: HouseNeed): Promise<readonly Residue[]> {
  return leftoversOf(createSweepNeed(need));
}

export function createProcesses({ clock, stateDir, owner, hostEnv }: ProcessesNeed): Processes {
  const base = createSweepNeed({ clock, stateDir, owner });
  const { rollCall, ownership, folders, leaves } = base;
  const lives = createLives(base);
  let stopped: Promise<void> | undefined;

  const begin = async (run: RunId): Promise<RunLife> => {
    if (stopped) throw stopping();
    const life = await lives.begin(run);
    if (stopped) throw stopping();
    return life;
  };
  return {
    async spawn(need) {
      const life = await begin(need.run);
      const marked = { ...need.env, [runMark]: need.run, [ownerMark]: owner };
      const stderrFile = folders.stderrFile(need.run);
      const launched = await launch({ ...need, clock, marked, hostPath: hostEnv.PATH, stderrFile }, (child) => {
        ownership.adopt(need.run, child);
        // Not waited for: whoever starts a child reads what it says from the first moment on.
        void leaves?.enter(need.run, child);
      });
      return childOf({ ...base, lives, life, launched, need });
    },
    async tempDir(run) {
      await begin(run);
      return folders.makeTemp(run);
    },
    async list() {
      const alive = lives.children().filter(({ launched }) => !launched.reaped());
      return alive.map(({ pid, name, run, startedAt }) => ({
        pid,
        name,
        run,
        startedAt,
        residentBytes: residentBytesOf(pid),
      }));
    },
    residue: (run) => heldOpen(async () => describeResidue(run, (await rollCall.next()).of(run), folders.temps(run))),
    sweep: (run) => lives.sweep(run, usualLadder.killMs),
    async sweepFormerLives() {
      const { runs } = await heldOpen(() => formerRuns(base));
      return worthTelling(await Promise.all(runs.map((run) => lives.sweep(run, usualLadder.killMs))));
    },
    leftovers: () => heldOpen(() => leftoversOf(base)),
    async [Symbol.asyncDispose]() {
      stopped ??= heldOpen(() => closeAll(lives, clock).finally(() => leaves?.removeRest()));
      await stopped;
    },
  };
}
