/** How fast a daemon is there, and what it costs while it does nothing. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Memory, memoryOf, type Server } from "../child.ts";
import type { Row } from "../row.ts";
import { median } from "../stats.ts";

const starts = 9;
/** The engine gives memory back some seconds after it has found out that it can. */
const idleMs = 15_000;

type Start = () => Promise<Server>;

async function startsOf(start: Start): Promise<number> {
  await using server = await start();
  return server.healthyMs;
}

async function idleOf(start: Start): Promise<Memory> {
  await using server = await start();
  await sleep(idleMs);
  return await memoryOf(server.pid);
}

export const coldStart: Row = {
  name: "cold-start",
  says: "from the start of the process to its first healthy answer (compiled code kept from an earlier start)",
  async measure({ ours, peer }) {
    const times: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
    // In turns, so that what else the machine does meets both alike.
    for (let at = 0; at < starts; at += 1) {
      times.ours.push(await startsOf(() => ours.start()));
      if (peer) times.peer.push(await startsOf(() => peer.start()));
    }
    const of = (tell: (values: readonly number[]) => number) => ({
      unit: "ms",
      ours: tell(times.ours),
      peer: peer && tell(times.peer),
    });
    return [
      { what: "median", ...of(median), target: { of: "ours", most: 150 } },
      { what: "best", ...of((values) => Math.min(...values)) },
    ];
  },
};

export const idleMemory: Row = {
  name: "idle-memory",
  says: "memory of a daemon that was started and not used",
  async measure({ ours, peer }) {
    const our = await idleOf(() => ours.start());
    const their = peer && (await idleOf(() => peer.start()));
    return [
      { what: "resident (RSS)", unit: "MB", ours: our.rssMb, peer: their?.rssMb, target: { of: "ours", most: 75 } },
      { what: "its share (PSS)", unit: "MB", ours: our.pssMb, peer: their?.pssMb },
    ];
  },
};
