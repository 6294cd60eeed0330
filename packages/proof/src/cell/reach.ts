/** Brings a session to its moment, and knows for certain that it is there. */
import { sleep } from "@corral/kernel";
import { isFault, type SessionEvent, type TurnId } from "@corral/protocol";
import { childrenOf, isRunning, signal, valueIn } from "../look/processes.ts";
import type { Moment } from "../matrix/cells.ts";
import { lookingOn } from "../matrix/fates.ts";
import { ClientProgram } from "./client-program.ts";
import { holdWrites, readLog } from "./disk.ts";
import { note, open, pidIn, type Stage } from "./stage.ts";
import { signs } from "./story.ts";

export interface Reached {
  /** The turn that is going on. */
  readonly turn?: TurnId;
  /** The harness of this moment, where it has not told its pid itself. */
  readonly harness?: number;
  /** Lets go of what holds the moment, so that whatever still lives can go on. */
  letOn(): Promise<void>;
}

type Reach = (stage: Stage) => Promise<Reached>;

const isOf =
  (turn: TurnId, type: SessionEvent["type"]) =>
  (event: SessionEvent): boolean =>
    event.turn === turn && event.type === type;

/** The client that dies is the one that prompts, unless it is one that only looks on. */
export const prompts = ({ cell }: Stage): boolean => cell.dies === "client" && !lookingOn.includes(cell.when);

async function promptByProgram(stage: Stage, text: string): Promise<TurnId> {
  const { house, session, witness, notes, clients } = stage;
  const client = new ClientProgram(house, ["run", "--session", session.id, text]);
  clients.push(client);
  const ended = client.gone.then(() => {
    throw new Error(`the client ended before it had prompted: ${client.stderr.slice(-300)}`);
  });
  const isFresh = ({ type, turn }: SessionEvent) =>
    type === "turn.queued" && turn !== undefined && !notes.turns.includes(turn);
  const { turn } = await Promise.race([witness.until(isFresh), ended]);
  if (!turn) throw new Error("a turn was queued without a name");
  notes.turns.push(turn);
  await client.following();
  return turn;
}

async function prompt(stage: Stage, text: string): Promise<TurnId> {
  note(stage, `prompt: ${text}`);
  if (prompts(stage)) return promptByProgram(stage, text);
  const params = { session: stage.session.id };
  const { id } = await stage.corral.call("startTurn", { params, body: { prompt: text } });
  stage.notes.turns.push(id);
  return id;
}

/** Freezes the next program that the daemon starts, before it can have said a word. */
async function freezeNext({ house, signal: abort }: Stage): Promise<number> {
  const known = new Set(childrenOf(house.pid).map(({ pid }) => pid));
  for (;;) {
    const fresh = childrenOf(house.pid).find(({ pid, environ }) => !known.has(pid) && valueIn(environ, "CORRAL_RUN"));
    if (fresh) {
      signal(fresh.pid, "SIGSTOP");
      return fresh.pid;
    }
    await sleep(house.clock, 1, { signal: abort });
  }
}

/** Thrown when a moment was over before it could be held: nothing is wrong, the cell is played again. */
export class MomentMissed extends Error {
  override readonly name = "MomentMissed";
}

async function promptFrozen(stage: Stage, text: string): Promise<Reached> {
  const [harness, turn] = await Promise.all([freezeNext(stage), prompt(stage, text)]);
  note(stage, `froze the harness ${harness}`);
  const { harness: started } = await stage.session.state();
  if (started?.pid === harness) throw new MomentMissed("the harness was up before it could be frozen");
  return {
    turn,
    harness,
    letOn: async () => {
      if (isRunning(harness)) signal(harness, "SIGCONT");
    },
  };
}

const opensGate = (stage: Stage, turn: TurnId): Reached => ({ turn, letOn: () => open(stage, signs.go) });

/** The ask may have been settled by what happened meanwhile. */
async function allow({ session }: Stage, ask: string): Promise<void> {
  try {
    await session.answer(ask, "allow");
  } catch (error) {
    if (!isFault(error, "ask.settled") && !isFault(error, "ask.missing")) throw error;
  }
}

const reachTool: Reach = async (stage) => {
  const turn = await prompt(stage, "Use a tool");
  const runs = (event: SessionEvent) =>
    event.turn === turn && event.type === "turn.updated" && event.data.update.status === "in_progress";
  await stage.witness.until(runs);
  await pidIn(stage, signs.tool);
  return opensGate(stage, turn);
};

/** A first turn that went well, and a harness that has died since. */
async function bereave(stage: Stage): Promise<void> {
  const { session, witness, corral, notes } = stage;
  const body = { prompt: "Say something" };
  const { id } = await corral.call("startTurn", { params: { session: session.id }, body });
  notes.turns.push(id);
  await witness.until(isOf(id, "turn.ended"));
  const { harness } = await session.state();
  if (harness?.pid) signal(harness.pid, "SIGKILL");
  await witness.until(({ type }) => type === "harness.exited");
}

/** Kills the daemon and notes where the log stood. */
export async function crash(stage: Stage): Promise<void> {
  const { house, session, notes } = stage;
  await house.kill();
  notes.crashes.push({ cursor: readLog(house.stateDir, session.id).length });
  note(stage, `killed the daemon at event ${notes.crashes.at(-1)?.cursor}`);
}

const reaches: Readonly<Record<Moment, Reach>> = {
  "before start": (stage) => promptFrozen(stage, "Start"),
  "after accept": async (stage) => {
    const turn = await prompt(stage, "Take this and be silent");
    await stage.witness.until(({ type }) => type === "harness.started");
    await pidIn(stage, signs.child);
    return opensGate(stage, turn);
  },
  "mid-chunk": async (stage) => {
    const turn = await prompt(stage, "Talk");
    const wanted = 2 + stage.chance(6);
    await stage.witness.until(
      (event) => stage.witness.events.filter(isOf(turn, "turn.updated")).indexOf(event) === wanted,
    );
    return opensGate(stage, turn);
  },
  "during a tool": reachTool,
  "while asked": async (stage) => {
    const turn = await prompt(stage, "Ask me");
    const asked = await stage.witness.until(isOf(turn, "turn.asked"));
    const ask = asked.type === "turn.asked" ? asked.data.ask : "";
    return { turn, letOn: () => allow(stage, ask) };
  },
  "before the end is kept": async (stage) => {
    const turn = await prompt(stage, "Finish");
    await stage.witness.until(isOf(turn, "turn.updated"));
    const hold = holdWrites(stage.house.stateDir);
    await open(stage, signs.go);
    await pidIn(stage, signs.last);
    return { turn, letOn: async () => hold[Symbol.dispose]() };
  },
  "idle between turns": async (stage) => {
    const turn = await prompt(stage, "Be done");
    await stage.witness.until(isOf(turn, "turn.ended"));
    return { letOn: async () => undefined };
  },
  "during restore": async (stage) => {
    if (stage.cell.dies === "server") return reachTool(stage);
    await bereave(stage);
    return promptFrozen(stage, "Go on");
  },
};

export async function reach(stage: Stage): Promise<Reached> {
  const { cell, house, session, clients } = stage;
  if (cell.dies === "client" && lookingOn.includes(cell.when)) {
    const client = new ClientProgram(house, ["sessions", "tail", "-f", "--after", "0", session.id]);
    clients.push(client);
    await client.following();
  }
  return reaches[cell.when](stage);
}
