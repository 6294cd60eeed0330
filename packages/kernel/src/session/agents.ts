/** The registry of harnesses, told to clients. */
import type { AgentRecord } from "@corral/protocol";
import { z } from "zod";
import type { Agents } from "../kernel.ts";
import type { Harness } from "../ports/harness.ts";
import { agentMissing } from "./sessions.ts";

export function createAgents(harnesses: ReadonlyMap<string, Harness>): Agents {
  return {
    list: ({ config = false } = {}) => Promise.all([...harnesses.values()].map((harness) => describe(harness, config))),
    async find(agent, { config = false } = {}) {
      const harness = harnesses.get(agent);
      if (!harness) throw agentMissing(agent, harnesses);
      return describe(harness, config);
    },
  };
}

async function describe(harness: Harness, config: boolean): Promise<AgentRecord> {
  const { id, title, capabilities, secrets, options, configOptions } = harness;
  const found = harness.installed ? await harness.installed() : {};
  return {
    id,
    title,
    installed: found !== undefined,
    credentialsAvailable: secrets.length === 0,
    capabilities,
    secrets: [...secrets],
    ...(options ? { options: z.toJSONSchema(options, { io: "input", unrepresentable: "any" }) } : {}),
    ...(found?.version ? { version: found.version } : {}),
    ...(config && configOptions ? { configOptions: [...configOptions] } : {}),
  };
}
