/** The deaths, and what people do after each: start the daemon again, cancel what is frozen, make room on the disk. */
import { sleep } from "@corral/kernel";
import { type Fault, isFault, type TurnId } from "@corral/protocol";
import { isStopped, signal } from "../look/processes.ts";
import type { Mean, Victim } from "../matrix/cells.ts";
import { crash, type Reached } from "./reach.ts";
import { note, pidIn, type Stage, secretName, until } from "./stage.ts";
import { signs } from "./story.ts";

export interface Struck {
  /** The turn whose end is awaited now; absent when none was going on. */
  readonly turn?: TurnId;
  /** From when on its end is due. */
  readonly sinceMs: number;
}

type Strike = (stage: Stage, reached: Reached) => Promise<Struck>;

const now = ({ house }: Stage): number => house.clock.monotonicMs();
const struck = (stage: Stage, { turn }: Reached): Struck => ({ ...(turn ? { turn } : {}), sinceMs: now(stage) });

/** What holds the disk has to be let go in any case; a gate whose reader is dead may stay shut. */
const holdsTheDisk = ({ cell }: Stage): boolean => cell.when === "before the end is kept";

/** How long a daemon may take to leave that was told to. */
const stopBoundMs = 10_000;

async function giveSecretsAgain({ session, canaries, house }: Stage): Promise<void> {
  await session.configure({ secrets: { [secretName]: canaries.session } });
  house.remember();
}

/** Tells the daemon to stop and notes how long it took. */
async function stopDaemon(stage: Stage, what: string): Promise<void> {
  const { house, notes } = stage;
  const sinceMs = now(stage);
  house.signal("SIGTERM");
  const code = await house.gone();
  notes.closings.push({ what, tookMs: Math.round(now(stage) - sinceMs), boundMs: stopBoundMs, code: code ?? -1 });
}

async function freezeDaemon(stage: Stage): Promise<void> {
  const { house, notes } = stage;
  house.signal("SIGSTOP");
  await until(stage, () => isStopped(house.pid));
  if (await house.isAnswering(150)) notes.surprises.push("the daemon answers although it is frozen");
  house.signal("SIGCONT");
}

/** Renames until the disk refuses: each rename is small, and what was acknowledged is counted. */
async function exhaust({ session, notes }: Stage): Promise<Fault | undefined> {
  for (let at = 0; at < 2_000; at++) {
    const title = `${at} ${"x".repeat(400)}`;
    try {
      await session.rename(title);
      notes.titles.push(title);
    } catch (error) {
      if (isFault(error)) return error;
      throw error;
    }
  }
  return undefined;
}

/** An answer to an ask cannot be kept on a full disk, and is refused. */
async function letOnInVain(reached: Reached): Promise<boolean> {
  try {
    await reached.letOn();
    return false;
  } catch (error) {
    if (isFault(error, "store.full")) return true;
    throw error;
  }
}

async function fillUp(stage: Stage, reached: Reached): Promise<Struck> {
  const { house, notes } = stage;
  await house.fill();
  note(stage, "the disk is full");
  const refused = await letOnInVain(reached);
  const refusal = await exhaust(stage);
  note(stage, `refused: ${refusal?.code} ${refusal?.message}`);
  if (refusal?.code !== "store.full" || !refusal.help) {
    notes.surprises.push(`a full disk is told as ${refusal?.code ?? "nothing at all"}: ${refusal?.message ?? ""}`);
  }
  await house.disk?.free();
  if (refused) await reached.letOn();
  return struck(stage, reached);
}

async function jumpClock(stage: Stage, reached: Reached): Promise<Struck> {
  stage.house.signal("SIGUSR2");
  await reached.letOn();
  return struck(stage, reached);
}

/** What happens to a daemon while it is alive and has a session at its moment. */
const serverStrikes: Readonly<Record<Mean, Strike>> = {
  "kill -9": async (stage, reached) => {
    await crash(stage);
    if (holdsTheDisk(stage)) await reached.letOn();
    await stage.house.start();
    const done = struck(stage, reached);
    await giveSecretsAgain(stage);
    return done;
  },
  SIGSTOP: async (stage, reached) => {
    await freezeDaemon(stage);
    await reached.letOn();
    return struck(stage, reached);
  },
  exit: async (stage, reached) => {
    const stopping = stopDaemon(stage, "the daemon");
    if (holdsTheDisk(stage)) await reached.letOn();
    await stopping;
    await stage.house.start();
    const done = struck(stage, reached);
    await giveSecretsAgain(stage);
    return done;
  },
  "closed pipe": async (stage, reached) => {
    stage.house.closePipes();
    await reached.letOn();
    return struck(stage, reached);
  },
  "full disk": fillUp,
  "clock forward": jumpClock,
  "clock back": jumpClock,
};

/** What happens to a daemon that has just begun to restore what an earlier one has lost. */
const restoreStrikes: Readonly<Record<Mean, (stage: Stage) => Promise<void>>> = {
  "kill -9": async (stage) => {
    stage.house.begin();
    await stage.house.restoring();
    await crash(stage);
    await stage.house.start();
  },
  SIGSTOP: async (stage) => {
    stage.house.begin();
    await stage.house.restoring();
    await freezeDaemon(stage);
    await stage.house.answers();
  },
  exit: async (stage) => {
    stage.house.begin();
    await stage.house.restoring();
    await stopDaemon(stage, "the daemon that was still restoring");
    await stage.house.start();
  },
  "closed pipe": (stage) => stage.house.start({ hush: true }),
  "full disk": async (stage) => {
    const { house, notes } = stage;
    await house.fill();
    house.begin();
    const up = await house.comesUp();
    if (!up && !house.stderr.includes("store.full"))
      notes.surprises.push("it did not start and did not say that the disk is full");
    await house.disk?.free();
    if (!up) await house.start();
  },
  "clock forward": (stage) => stage.house.start({ jumped: true }),
  "clock back": (stage) => stage.house.start({ jumped: true }),
};

const strikeServer: Strike = async (stage, reached) => {
  const { cell } = stage;
  if (cell.when !== "during restore") return serverStrikes[cell.how](stage, reached);
  await crash(stage);
  await restoreStrikes[cell.how](stage);
  const done = struck(stage, reached);
  await giveSecretsAgain(stage);
  return done;
};

async function harnessPid({ session }: Stage, { harness }: Reached): Promise<number> {
  const pid = harness ?? (await session.state()).harness?.pid;
  if (!pid) throw new Error("there is no harness to strike");
  return pid;
}

/** A person who sees nothing happen gives up. */
async function cancel(stage: Stage, turn: TurnId): Promise<Struck & { readonly outcome: string | undefined }> {
  const sinceMs = now(stage);
  const { outcome } = await stage.corral.call("cancelTurn", { params: { session: stage.session.id, turn } });
  return { turn, sinceMs, outcome };
}

/** A turn whose answer was out already is done, and it is the next one that finds the harness frozen. */
async function cancelFrozen(stage: Stage, { turn }: Reached): Promise<Struck> {
  const cancelled = turn && (await cancel(stage, turn));
  return cancelled?.outcome === "cancelled" ? cancelled : promptAndCancel(stage);
}

/** What is frozen is noticed by whoever prompts next. */
async function promptAndCancel(stage: Stage): Promise<Struck> {
  const { corral, session, notes, witness } = stage;
  const { id } = await corral.call("startTurn", { params: { session: session.id }, body: { prompt: "Still there?" } });
  notes.turns.push(id);
  await witness.until(({ type, turn }) => type === "turn.started" && turn === id);
  return cancel(stage, id);
}

const harnessStrikes: Partial<Record<Mean, (stage: Stage, pid: number, reached: Reached) => Promise<void>>> = {
  "kill -9": async (_stage, pid) => signal(pid, "SIGKILL"),
  exit: async (_stage, pid, { harness }) => {
    // One that is frozen at its start has not heard of its story; it leaves as programs do that are told to.
    signal(pid, harness === undefined ? "SIGUSR2" : "SIGTERM");
    signal(pid, "SIGCONT");
  },
  "closed pipe": async (_stage, pid) => signal(pid, "SIGUSR2"),
};

const strikeHarness: Strike = async (stage, reached) => {
  const { cell, witness } = stage;
  const pid = await harnessPid(stage, reached);
  if (cell.how === "SIGSTOP") {
    signal(pid, "SIGSTOP");
    await until(stage, () => isStopped(pid));
    if (reached.harness === undefined) await reached.letOn();
    return cancelFrozen(stage, reached);
  }
  await harnessStrikes[cell.how]?.(stage, pid, reached);
  const done = struck(stage, reached);
  if (holdsTheDisk(stage)) await reached.letOn();
  // Before the next prompt its end has to be told; one that never came up has none to tell.
  if (reached.harness === undefined) await witness.until(({ type }) => type === "harness.exited");
  return done;
};

const pidFiles: Partial<Record<Victim, string>> = {
  tool: signs.tool,
  terminal: signs.tool,
  child: signs.child,
  orphan: signs.orphan,
};

const strikeGrandchild: Strike = async (stage, reached) => {
  const { dies, how } = stage.cell;
  const pid = await pidIn(stage, pidFiles[dies] ?? signs.child);
  const isTool = dies === "tool" || dies === "terminal";
  const names = { "kill -9": "SIGKILL", SIGSTOP: "SIGSTOP", exit: "SIGUSR1", "closed pipe": "SIGUSR2" } as const;
  signal(pid, how in names ? names[how as keyof typeof names] : "SIGKILL");
  if (how === "SIGSTOP") await until(stage, () => isStopped(pid));
  if (isTool && how === "SIGSTOP" && reached.turn) return cancel(stage, reached.turn);
  const done = struck(stage, reached);
  await reached.letOn();
  return done;
};

const strikeClient: Strike = async (stage, reached) => {
  const client = stage.clients.at(-1);
  if (!client) throw new Error("there is no client to strike");
  const { how, when } = stage.cell;
  if (how === "closed pipe") client.closePipe();
  else signal(client.pid, how === "kill -9" ? "SIGKILL" : how === "exit" ? "SIGTERM" : "SIGSTOP");
  if (how === "kill -9") await client.gone;
  const done = struck(stage, reached);
  const cancels = how === "exit" && reached.turn !== undefined && when !== "while asked";
  // Its last deed is to cancel the turn; only a disk that is held must be let go for that.
  if (!cancels || holdsTheDisk(stage)) await reached.letOn();
  return done;
};

const strikes: Readonly<Record<Victim, Strike>> = {
  server: strikeServer,
  harness: strikeHarness,
  tool: strikeGrandchild,
  terminal: strikeGrandchild,
  child: strikeGrandchild,
  orphan: strikeGrandchild,
  client: strikeClient,
};

export async function strike(stage: Stage, reached: Reached): Promise<Struck> {
  note(stage, `strike: ${stage.cell.dies} ${stage.cell.how}`);
  const done = await strikes[stage.cell.dies](stage, reached);
  // Time for nothing in particular, so that whatever is told at once is told before the next question.
  await sleep(stage.house.clock, 0);
  return done;
}
