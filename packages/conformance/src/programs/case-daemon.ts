/** A program that is a daemon's kernel: it opens a session, has one answer, begins another, says so, and waits to be killed. */

import type { OpenSession } from "@corral/protocol";
import { Actor } from "../actor.ts";
import type { Recipe } from "../case.ts";
import { openHouse, type Surroundings } from "../house.ts";
import { harnessOf } from "../recipe.ts";

interface Wanted {
  readonly root: string;
  readonly recipe: Recipe;
  readonly surroundings: Surroundings;
  readonly request: OpenSession;
}

const { root, recipe, surroundings, request } = JSON.parse(process.argv[2] ?? "{}") as Wanted;
const { kernel } = await openHouse({ root, harness: harnessOf(recipe), surroundings });
const { id } = await kernel.sessions.open(request);
const actor = new Actor(await kernel.sessions.find(id));
await actor.hear("ECHO:one");
const turn = await actor.begin("SLOW please");
await actor.ear.words(turn.id, "tick02");
console.log(JSON.stringify({ id, turn: turn.id }));
setInterval(() => undefined, 60_000);
