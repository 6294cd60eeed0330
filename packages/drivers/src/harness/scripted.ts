/** The scripted agent: a real program that plays a story. It needs no key and no network, so it is everyone's first session. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { acpHarness } from "@corral/kernel";
import { z } from "zod";
import { capabilityNames, defaultCapabilities } from "../scripted/story-shape.ts";
import { usualCapabilities } from "./usual.ts";

const program = fileURLToPath(new URL("../scripted/program.ts", import.meta.url));

/** The schema of stories, and YAML with it, is loaded when the first story comes. */
const story = z.looseObject({}).superRefine(async (written, context) => {
  const { checkStory } = await import("../scripted/story.ts");
  try {
    checkStory(written, "story");
  } catch (error) {
    context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
  }
});

const options = z.strictObject({
  story: story.optional().describe("The story to play; see docs/reference/stories.md."),
  capabilities: z.array(z.enum(capabilityNames)).optional().describe("Exactly what the agent says that it can do."),
});

type Options = z.infer<typeof options>;

/** An agent says what it can do before it hears its story, so the story's wish is handed over when it is launched. */
function capabilitiesOf({ story: written, capabilities }: Options): readonly string[] {
  if (capabilities) return capabilities;
  const wished = {
    ...defaultCapabilities,
    ...(written?.capabilities as Partial<typeof defaultCapabilities> | undefined),
  };
  return capabilityNames.filter((name) => wished[name]);
}

export const scripted = acpHarness({
  id: "scripted",
  title: "Scripted agent",
  secrets: ["SCRIPTED_KEY"],
  keyless: true,
  options,
  capabilities: { ...usualCapabilities, mcpTools: false },
  meta: (given) => ({ "corral/story": (given as Options).story }),
  launch: ({ stateDir, secrets, options: given, hostEnv }) => ({
    command: process.execPath,
    args: [
      program,
      "--state",
      join(stateDir, "scripted"),
      "--capabilities",
      capabilitiesOf(given as Options).join(","),
    ],
    env: { ...secrets, HOME: stateDir, PATH: hostEnv.PATH ?? "" },
  }),
});
