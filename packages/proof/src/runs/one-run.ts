/** One run from the opening of its session to its removal, and what it left behind. */
import type { Corral, Session } from "@corral/client";
import { isClean, type RunId, type SessionEvent } from "@corral/protocol";
import { everybody, isRunning, valueIn } from "../look/processes.ts";
import type { RunKind } from "./kinds.ts";

export interface OneRun {
  readonly corral: Corral;
  readonly cwd: string;
  readonly kind: RunKind;
  readonly signal: AbortSignal;
}

const working = (event: SessionEvent): boolean =>
  event.type === "turn.updated" || event.type === "harness.started" || event.type === "turn.asked";

/** Waits until the harness is at work, and then does to the turn what the person of this kind does. */
async function interfere({ kind, signal }: OneRun, session: Session): Promise<void> {
  if (!kind.person) return;
  for await (const event of session.events({ signal })) if (working(event)) break;
  if (kind.person === "closes") await session.close();
  else await session.cancel();
}

async function play(one: OneRun, session: Session): Promise<readonly string[]> {
  const { kind } = one;
  const { answer } = kind;
  const run = session.prompt("Go", answer ? { onAsk: () => answer } : {});
  const [turn] = await Promise.all([run, run.id.then(() => interfere(one, session))]);
  if (turn.outcome === kind.ends) return [];
  return [`it ended as ${turn.outcome}, not as ${kind.ends} (${turn.fault?.code}: ${turn.fault?.detail})`];
}

async function residueOf(session: Session, { signal }: OneRun): Promise<readonly string[]> {
  const events: SessionEvent[] = [];
  for await (const event of session.events({ signal })) events.push(event);
  const runs = events.flatMap((event) => (event.type === "harness.started" ? [event.data.run] : []));
  const told = events.flatMap((event) => (event.type === "run.residue" ? [event.data] : []));
  const dirty = [...told, ...(await session.residue())].filter((residue) => !isClean(residue));
  const last = events.at(-1)?.type;
  return [
    ...(runs.length > 0 ? [] : ["no harness was started"]),
    ...(last === "session.closed" ? [] : [`its log ends with ${last}`]),
    ...dirty.map((residue) => `its residue is ${JSON.stringify(residue)}`),
    ...carriersOfRuns(new Set(runs)),
  ];
}

/** Looked for with eyes of our own, whatever the report says. */
const carriersOfRuns = (runs: ReadonlySet<RunId>): readonly string[] =>
  everybody()
    .filter(({ pid, environ }) => runs.has((valueIn(environ, "CORRAL_RUN") ?? "") as RunId) && isRunning(pid))
    .map(({ pid, command }) => `process ${pid} (${command.replaceAll("\0", " ").slice(0, 60)}) still runs`);

export async function makeRun(one: OneRun): Promise<readonly string[]> {
  const { corral, cwd, kind } = one;
  const story = { name: kind.name, turns: [{ steps: kind.steps }] };
  const session = await corral.sessions.open({ agent: "scripted", cwd, title: kind.name, options: { story } });
  try {
    const played = await play(one, session);
    await session.close();
    return [...played, ...(await residueOf(session, one))];
  } finally {
    await session.remove();
  }
}
