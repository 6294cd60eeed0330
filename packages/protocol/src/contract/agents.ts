/** The table of agents: which harnesses can be driven here. */
import { z } from "zod";
import { agentSchema } from "../harness.ts";
import { installedSchema, installLineSchema, installRequestSchema } from "../install.ts";
import { operation } from "./operation.ts";
import { flag } from "./shared.ts";

const agentParams = z.object({ agent: z.string().min(1) });
const query = z.object({ config: flag.optional(), no_cache: flag.optional() });

export const agents = {
  listAgents: operation({
    method: "GET",
    path: "/v1/agents",
    tag: "agents",
    summary: "Lists the agents that this daemon can drive.",
    query,
    status: 200,
    answer: z.object({ agents: z.array(agentSchema) }),
    faults: [],
  }),
  readAgent: operation({
    method: "GET",
    path: "/v1/agents/{agent}",
    tag: "agents",
    summary: "Describes one agent.",
    params: agentParams,
    query,
    status: 200,
    answer: agentSchema,
    faults: ["agent.missing"],
  }),
  installAgent: operation({
    method: "POST",
    path: "/v1/agents/{agent}/install",
    tag: "agents",
    summary: "Installs an agent's programs; a session that needs them would do so by itself.",
    params: agentParams,
    body: installRequestSchema,
    status: 200,
    answer: installedSchema,
    tells: installLineSchema,
    faults: ["agent.missing", "agent.not_installed", "agent.install"],
  }),
  uninstallAgent: operation({
    method: "DELETE",
    path: "/v1/agents/{agent}/install",
    tag: "agents",
    summary: "Removes an agent's programs, all versions of them.",
    params: agentParams,
    status: 204,
    faults: ["agent.missing", "agent.cannot", "agent.in_use"],
  }),
} as const;
