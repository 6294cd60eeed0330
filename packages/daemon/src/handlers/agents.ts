/** Answers for the table of agents. */
import type { agents } from "@corral/protocol";
import { type Handlers, type HandlersNeed, present } from "./handler.ts";

export const agentsHandlers = ({ kernel }: HandlersNeed): Handlers<typeof agents> => ({
  listAgents: async ({ query }) => ({ agents: [...(await kernel.agents.list(present({ config: query.config })))] }),
  readAgent: async ({ params, query }) => kernel.agents.find(params.agent, present({ config: query.config })),
});
