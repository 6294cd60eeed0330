/** What an open session costs the daemon, asleep and with its agent awake. */
import { setTimeout as sleep } from "node:timers/promises";
import { memoryOf } from "../child.ts";
import type { Started } from "../ours.ts";
import type { Row, Stage } from "../row.ts";

const open = 200;
/** Agents that start at once. */
const together = 4;
const settleMs = 1_500;

async function residentKb({ pid }: Started): Promise<number> {
  await sleep(settleMs);
  return (await memoryOf(pid)).rssMb * 1024;
}

async function openSessions({ corral }: Started, { folder }: Stage, count: number) {
  const story = { turns: [{ steps: [{ say: "ok" }] }] };
  const one = () => corral.sessions.open({ agent: "scripted", cwd: folder, options: { story } });
  const opened = [await one()];
  while (opened.length < count) opened.push(await one());
  return opened;
}

async function wake(all: Awaited<ReturnType<typeof openSessions>>): Promise<void> {
  const waiting = [...all];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await next.prompt("hi");
  };
  await Promise.all(Array.from({ length: together }, work));
}

export const sessions: Row = {
  name: "sessions",
  says: `memory of the daemon for each of ${open} open sessions, asleep and then with a live agent (the agent's own process apart)`,
  async measure(stage) {
    await using server = await stage.ours.start();
    // What the first session loads is not what each further one costs.
    await openSessions(server, stage, 20);
    const before = await residentKb(server);
    const opened = await openSessions(server, stage, open);
    const asleep = await residentKb(server);
    await wake(opened);
    const withAgents = await residentKb(server);
    return [
      { what: "asleep", unit: "KB", ours: (asleep - before) / open },
      { what: "with a live agent", unit: "KB", ours: (withAgents - asleep) / open },
    ];
  },
};
