/** The registry of harnesses, told to clients. */
import type { AgentRecord } from "@corral/protocol";
import { z } from "zod";
import type { Installer } from "../agents/installer.ts";
import type { Agents } from "../kernel.ts";
import type { Harness } from "../ports/harness.ts";
import { agentMissing } from "./sessions.ts";

export interface AgentsNeed {
  readonly harnesses: ReadonlyMap<string, Harness>;
  readonly installer: Installer;
}

export function createAgents({ harnesses, installer }: AgentsNeed): Agents {
  const describe = (harness: Harness, config: boolean) => describeAgent({ harness, installer, config });
  return {
    list: ({ config = false } = {}) => Promise.all([...harnesses.values()].map((harness) => describe(harness, config))),
    async find(agent, { config = false } = {}) {
      const harness = harnesses.get(agent);
      if (!harness) throw agentMissing(agent, harnesses);
      return describe(harness, config);
    },
  };
}

interface DescribeNeed extends Pick<AgentsNeed, "installer"> {
  readonly harness: Harness;
  readonly config: boolean;
}

async function describeAgent({ harness, installer, config }: DescribeNeed): Promise<AgentRecord> {
  const { id, title, capabilities, secrets, options, configOptions } = harness;
  const found = await installer.installed(harness);
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
