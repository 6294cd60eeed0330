/** Where the reference agent is: a program that passes the cases, for whoever has none at hand. */
import { fileURLToPath } from "node:url";
import type { CustomAgent } from "@corral/drivers";
import type { Flaw } from "./agents/flaws.ts";
import { modelMark } from "./recipe.ts";

const program = fileURLToPath(new URL("./agents/reference-agent.ts", import.meta.url));

interface ReferenceOptions {
  readonly flaw?: Flaw;
  /** It asks the scripted model instead of answering by itself. */
  readonly asksModel?: boolean;
}

export const referenceAgent = ({ flaw, asksModel = true }: ReferenceOptions = {}): CustomAgent => ({
  title: "Reference agent",
  command: process.execPath,
  args: [program, ...(flaw === undefined ? [] : ["--flaw", flaw])],
  env: asksModel ? { OPENAI_BASE_URL: `${modelMark}/v1`, OPENAI_API_KEY: "any" } : {},
});
