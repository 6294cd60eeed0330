/** How many requests a second the daemon answers when there is nothing to do for them. */
import type { Server } from "../child.ts";
import type { Load } from "../load.ts";
import type { Row } from "../row.ts";
import { runProgram } from "../worker.ts";

const connections = 32;
const ms = 3_000;

async function perSecond(starting: Promise<Server>): Promise<number> {
  await using server = await starting;
  const load = runProgram<Load>("load", { port: server.port, path: "/v1/health", connections, ms });
  return (await load.result).perSecond;
}

export const health: Row = {
  name: "health",
  says: `GET /v1/health on ${connections} kept connections`,
  async measure({ ours, peer }) {
    const our = await perSecond(ours.start());
    return [{ what: "answers", unit: "/s", ours: our, peer: peer && (await perSecond(peer.start())) }];
  },
};
