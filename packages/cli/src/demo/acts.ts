/** What the demo shows: a session with an ask, a crash and its recovery, a killed daemon, and nothing left behind. */
import type { Corral, Session } from "@corral/client";
import { isClean, type SessionEvent, type Turn } from "@corral/protocol";
import type { ChildDaemon } from "../child-daemon.ts";
import { oneLine } from "../output/harmless.ts";
import type { Narrator } from "./narrator.ts";

export interface Theatre {
  readonly corral: Corral;
  readonly narrator: Narrator;
  /** Where the agent works. */
  readonly cwd: string;
  readonly daemon: () => ChildDaemon;
  /** Starts the daemon again, on the same state directory and address. */
  readonly restart: () => Promise<ChildDaemon>;
}

const open = ({ corral, cwd }: Theatre, story?: unknown): Promise<Session> =>
  corral.sessions.open({ agent: "scripted", cwd, ...(story === undefined ? {} : { options: { story } }) });

/** Shows a turn; its asks are answered as a person would. */
async function play(theatre: Theatre, session: Session, prompt: string): Promise<Turn> {
  const { narrator } = theatre;
  narrator.say(`> ${prompt}`);
  const run = session.prompt(prompt);
  const view = narrator.watch();
  for await (const event of run) {
    view.show(event);
    if (event.type !== "turn.asked") continue;
    narrator.say(`  you are asked, and you answer: allow (${event.data.options.map(({ name }) => name).join(" / ")})`);
    await session.answer(event.data.ask, "allow");
  }
  view.end();
  return run;
}

export async function firstSession(theatre: Theatre): Promise<Session> {
  const { narrator } = theatre;
  narrator.act("A session, and an ask that waits for a person");
  const session = await open(theatre);
  narrator.say(`session ${session.id}`);
  const turn = await play(theatre, session, "Hello, Corral");
  narrator.check(turn.outcome === "completed", "the turn is completed");
  return session;
}

const crashing = {
  name: "A crash",
  turns: [
    { steps: [{ say: "I am about to say something import" }, { crash: "SIGKILL" }] },
    { steps: [{ say: "I am back. " }, "quote", { say: " I remember " }, "count", { say: "." }] },
  ],
};

async function startedHow(session: Session): Promise<string> {
  const { harness } = await session.state();
  return harness?.how ?? "unknown";
}

export async function crashAndRecovery(theatre: Theatre): Promise<Session> {
  const { narrator } = theatre;
  narrator.act("The agent is killed in the middle of a sentence");
  const session = await open(theatre, crashing);
  const broken = await play(theatre, session, "Tell me something important");
  narrator.check(broken.outcome === "failed", `the turn ended at once: ${broken.fault?.detail ?? "no fault"}`);
  const next = await play(theatre, session, "Are you there?");
  narrator.check(next.outcome === "completed", `the next prompt brought it back (${await startedHow(session)})`);
  return session;
}

/** Reads on across the restart, as any client would: until the turn that was interrupted has ended. */
async function killWhileTalking(theatre: Theatre, session: Session): Promise<readonly SessionEvent[]> {
  const seen: SessionEvent[] = [];
  const run = session.prompt("Say something while the daemon dies");
  const turn = await run.id;
  let back: Promise<ChildDaemon> | undefined;
  for await (const event of session.events()) {
    seen.push(event);
    if (event.turn !== turn) continue;
    if (event.type === "turn.updated" && back === undefined) back = killAndRestart(theatre);
    if (event.type === "turn.ended") break;
  }
  await back;
  return seen;
}

async function killAndRestart({ narrator, daemon, restart }: Theatre): Promise<ChildDaemon> {
  const { pid } = daemon();
  await daemon().kill("SIGKILL");
  narrator.say(`kill -9 ${pid}: the daemon is gone, in the middle of a turn`);
  const again = await restart();
  narrator.say(`it is started again on the same state directory (process ${again.pid})`);
  return again;
}

const isDense = (events: readonly SessionEvent[]): boolean => events.every(({ cursor }, at) => cursor === at + 1);

export async function killedDaemon(theatre: Theatre, session: Session): Promise<void> {
  const { narrator } = theatre;
  narrator.act("The daemon is killed with SIGKILL and started again");
  const seen = await killWhileTalking(theatre, session);
  narrator.check(isDense(seen), `one stream, cut and resumed: ${seen.length} events, none lost, none twice`);
  const kept = await collect(session, seen.length);
  narrator.check(JSON.stringify(kept) === JSON.stringify(seen), "the log on disk says the same, event by event");
  const { lastTurn } = await session.state();
  narrator.check(lastTurn?.outcome === "lost", "the interrupted turn has its one end: lost");
  const turn = await play(theatre, session, "Do you remember me?");
  narrator.check(turn.outcome === "completed", `the session goes on (${await startedHow(session)})`);
}

async function collect(session: Session, count: number): Promise<readonly SessionEvent[]> {
  const events: SessionEvent[] = [];
  for await (const event of session.events()) {
    if (events.push(event) === count) break;
  }
  return events;
}

export async function nothingLeft({ narrator, corral, daemon }: Theatre, sessions: readonly Session[]): Promise<void> {
  narrator.act("Nothing is left behind");
  for (const session of sessions) {
    await session.close();
    const residue = await session.residue();
    narrator.check(residue.every(isClean), `residue of ${oneLine(session.id)}: no process, no port, no directory`);
  }
  narrator.check((await corral.runs()).length === 0, "no agent process is alive");
  const code = await daemon().kill("SIGTERM");
  narrator.check(code === 0, "the daemon stopped when it was asked to");
}
