/** The table of agents: which harnesses can be driven here. */
import { z } from "zod";
import { agentSchema } from "../harness.ts";
import { operation } from "./operation.ts";
import { flag } from "./shared.ts";

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
    params: z.object({ agent: z.string().min(1) }),
    query,
    status: 200,
    answer: agentSchema,
    faults: ["agent.missing"],
  }),
} as const;
