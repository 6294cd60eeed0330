/** Makes a harness out of what can be handed to another process: its id, or the description of a command. */
import { type CustomAgent, customHarness, harnesses } from "@corral/drivers";
import type { Harness } from "@corral/kernel";
import { z } from "zod";
import type { Recipe } from "./case.ts";

/** What stands in a variable's value for the address of the scripted model. */
export const modelMark = "{model}";

const options = z.looseObject({ modelUrl: z.string() });

function filled(agent: CustomAgent, modelUrl: string): CustomAgent {
  const fill = (text: string): string => text.replaceAll(modelMark, modelUrl);
  const env = Object.fromEntries(Object.entries(agent.env ?? {}).map(([name, value]) => [name, fill(value)]));
  return { ...agent, args: (agent.args ?? []).map(fill), env };
}

/** An agent that is told at its start where the scripted model is. */
export function commandHarness(id: string, agent: CustomAgent): Harness {
  const connect: Harness["connect"] = (need) => {
    const { modelUrl } = options.parse(need.options);
    return customHarness(id, filled(agent, modelUrl)).connect(need);
  };
  return { ...customHarness(id, agent), options, connect };
}

export function harnessOf(recipe: Recipe): Harness {
  if ("agent" in recipe) return commandHarness("program", recipe.agent);
  const harness = harnesses.find(({ id }) => id === recipe.id);
  if (!harness) throw new Error(`there is no harness ${recipe.id}`);
  return harness;
}
