/** How a store with a million events opens, folds and reads. */
import { harnesses, openSqliteStore } from "@corral/drivers";
import { createKernel, createProcesses, ownerOf, systemClock } from "@corral/kernel";
import { foldWhole, writeSession } from "../history.ts";
import type { Row, Stage } from "../row.ts";
import { quantile, timed } from "../stats.ts";

const sessions = 100;
const eventsEach = 10_001;
const pages = 200;

async function fill(dir: string, { say }: Stage): Promise<{ subject: string; perSecond: number }> {
  await using store = await openSqliteStore({ dir });
  let subject = "";
  const { ms } = await timed(async () => {
    for (let number = 0; number < sessions; number += 1) {
      if (number % 25 === 0) say(`${number} of ${sessions} sessions written`);
      subject = await writeSession(store, number, eventsEach);
    }
  });
  return { subject, perSecond: (sessions * eventsEach * 1000) / ms };
}

/** Everything between the start of a kernel and its first answer. */
async function kernelMs(dir: string): Promise<number> {
  const { ms } = await timed(async () => {
    await using opened = new AsyncDisposableStack();
    const clock = systemClock;
    const store = opened.use(await openSqliteStore({ dir }));
    const processes = opened.use(createProcesses({ clock, stateDir: dir, owner: ownerOf(dir), hostEnv: {} }));
    const rest = { harnesses, clock, stateDir: dir, defaultCwd: dir, hostEnv: {} };
    const kernel = opened.use(await createKernel({ store, processes, ...rest }));
    await kernel.sessions.list({ limit: 50 });
  });
  return ms;
}

export const million: Row = {
  name: "million",
  says: `a store with ${sessions} sessions of ${eventsEach} events`,
  async measure(stage) {
    const dir = await stage.ours.state();
    const { subject, perSecond } = await fill(dir, stage);
    const start = await kernelMs(dir);
    await using store = await openSqliteStore({ dir });
    const folded = await timed(() => foldWhole(store, subject));
    const times: number[] = [];
    for (let at = 0; at < pages; at += 1) {
      const after = (at * 37) % (eventsEach - 500);
      times.push((await timed(() => store.read(subject, { after, limit: 500 }))).ms);
    }
    return [
      { what: "write", unit: "events/s", ours: perSecond },
      { what: "open the kernel and list 50 sessions", unit: "ms", ours: start },
      { what: `fold ${eventsEach} events without a snapshot`, unit: "ms", ours: folded.ms },
      { what: "read a page of 500, p50", unit: "ms", ours: quantile(times, 0.5) },
      { what: "read a page of 500, p99", unit: "ms", ours: quantile(times, 0.99) },
    ];
  },
};
