/** What ended runs have left on this machine: asked of the daemon, or looked for where none runs. */
import { existsSync } from "node:fs";
import type { Corral } from "@corral/client";
import { isClean, isFault, type ResidueRecord } from "@corral/protocol";
import type { Config } from "../config.ts";
import { leftText } from "../output/left-text.ts";
import { findServer, reach } from "../reach.ts";
import { allSessions } from "../session-named.ts";
import { type Finding, ok, warn } from "./checks.ts";

/** The newest sessions are looked at; older ones ended long ago. */
const lookedAt = 50;

/** A daemon knows which runs are alive; what is left of the others it can only tell. */
async function askDaemon(corral: Corral): Promise<Finding> {
  const sessions: string[] = [];
  const left: ResidueRecord[] = [];
  let count = 0;
  for await (const { id } of allSessions(corral)) {
    if (++count > lookedAt) break;
    const { items } = await corral.call("readResidue", { params: { session: id } });
    const dirty = items.filter((one) => !isClean(one));
    if (dirty.length > 0) sessions.push(id);
    left.push(...dirty);
  }
  const newest = Math.min(count, lookedAt);
  if (left.length === 0) return ok("residue", `no ended run of the newest ${newest} sessions left anything behind`);
  const says = `ended runs of ${sessions.join(", ")} left ${leftText(left)}`;
  return warn("residue", says, "Restart the daemon: at its start it ends and removes what is left.");
}

/** Composing a kernel would sweep before anybody has looked. With the store in hand no run can be alive, so all there is was left. */
async function lookHere({ stateDir }: Config): Promise<Finding> {
  const clean = ok("residue", "no ended run left anything behind");
  if (!existsSync(stateDir)) return clean;
  const [{ findLeftovers, ownerOf, systemClock }, { openSqliteStore }] = await Promise.all([
    import("@corral/kernel"),
    import("@corral/drivers"),
  ]);
  const clock = systemClock;
  await using _ = await openSqliteStore({ dir: stateDir, clock });
  const left = await findLeftovers({ clock, stateDir, owner: ownerOf(stateDir) });
  if (left.length === 0) return clean;
  const says = `a daemon or command that was killed left ${leftText(left)}`;
  return warn(
    "residue",
    says,
    "The next start ends and removes it: `corral serve`, or any command that needs the sessions.",
  );
}

export async function checkResidue(config: Config): Promise<Finding> {
  try {
    if (config.url === undefined && !(await findServer(config))) return await lookHere(config);
  } catch (error) {
    // Somebody has the store, and may just be coming up: reaching waits for that a little.
    if (!isFault(error, "store.locked")) throw error;
  }
  await using reached = await reach(config, { otherwise: "here" });
  return askDaemon(reached.corral);
}
