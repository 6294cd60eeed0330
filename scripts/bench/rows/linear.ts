/** Whether four times as much takes more than four times as long. */
import { openSqliteStore } from "@corral/drivers";
import { ourFlood } from "../flood.ts";
import { foldWhole, writeSession } from "../history.ts";
import type { Figure, Row, Stage } from "../row.ts";
import { timed } from "../stats.ts";

/** Four, and what a noisy machine adds. */
const mostRatio = 5.2;

type Work = (count: number) => Promise<number>;

async function growth(what: string, count: number, work: Work): Promise<Figure> {
  // The first round warms up what both then use.
  await work(count);
  const small = await work(count);
  const large = await work(count * 4);
  return { what, unit: "× the time for 4 × as many", ours: large / small, target: { of: "ours", most: mostRatio } };
}

async function foldMs(dir: string): Promise<Work> {
  let number = 0;
  return async (count) => {
    await using store = await openSqliteStore({ dir });
    number += 1;
    const subject = await writeSession(store, number, count);
    return (await timed(() => foldWhole(store, subject))).ms;
  };
}

async function openMs({ ours, folder }: Stage, count: number): Promise<number> {
  await using server = await ours.start();
  const { ms } = await timed(async () => {
    for (let at = 0; at < count; at += 1) await server.corral.sessions.open({ agent: "scripted", cwd: folder });
    for await (const _ of server.corral.sessions.list());
  });
  return ms;
}

async function floodMs({ ours, folder }: Stage, updates: number, followers: number): Promise<number> {
  await using server = await ours.start();
  return (await ourFlood(server, folder, { updates, followers })).ms;
}

export const linear: Row = {
  name: "linear",
  says: "four times as many events, sessions and followers: how much longer it takes",
  async measure(stage) {
    return [
      await growth("events folded (10,000)", 10_000, await foldMs(await stage.ours.state())),
      await growth("events told (10,000)", 10_000, (count) => floodMs(stage, count, 1)),
      await growth("sessions opened and listed (200)", 200, (count) => openMs(stage, count)),
      await growth("followers of 2,000 events (50)", 50, (count) => floodMs(stage, 2_000, count)),
    ];
  },
};
