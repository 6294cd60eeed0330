/** A program that is a daemon's kernel: it opens a session, has one answer, begins another, says so, and waits to be killed. */

import { harnesses } from "@corral/drivers";
import type { OpenSession } from "@corral/protocol";
import { openHouse, type Surroundings } from "../house.ts";
import { Actor } from "../stage.ts";

interface Wanted {
  readonly root: string;
  readonly harness: string;
  readonly surroundings: Surroundings;
  readonly request: OpenSession;
}

const { root, harness: wanted, surroundings, request } = JSON.parse(process.argv[2] ?? "{}") as Wanted;
const harness = harnesses.find(({ id }) => id === wanted);
if (!harness) throw new Error(`there is no harness ${wanted}`);
const { kernel } = await openHouse({ root, harness, surroundings });
const { id } = await kernel.sessions.open(request);
const actor = new Actor(await kernel.sessions.find(id));
await actor.hear("ECHO:one");
const turn = await actor.begin("SLOW please");
await actor.ear.words(turn.id, "tick02");
console.log(JSON.stringify({ id, turn: turn.id }));
setInterval(() => undefined, 60_000);
