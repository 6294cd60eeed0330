/** How an agent is described to clients; the names of these fields are those of the agent server's published clients. */
import { z } from "zod";

/** What a harness can do, as a card of booleans: known before it is started. */
export const agentCapabilitiesSchema = z
  .object({
    commandExecution: z.boolean(),
    errorEvents: z.boolean(),
    fileAttachments: z.boolean(),
    fileChanges: z.boolean(),
    images: z.boolean(),
    itemStarted: z.boolean(),
    mcpTools: z.boolean(),
    permissions: z.boolean(),
    planMode: z.boolean(),
    questions: z.boolean(),
    reasoning: z.boolean(),
    sessionLifecycle: z.boolean(),
    sharedProcess: z.boolean(),
    status: z.boolean(),
    streamingDeltas: z.boolean(),
    textMessages: z.boolean(),
    toolCalls: z.boolean(),
    toolResults: z.boolean(),
  })
  .meta({ id: "AgentCapabilities" });
export type AgentCapabilities = Readonly<z.infer<typeof agentCapabilitiesSchema>>;

export const agentSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    installed: z.boolean(),
    credentialsAvailable: z.boolean(),
    capabilities: agentCapabilitiesSchema,
    secrets: z.array(z.string()).describe("Names of the secrets that a session of this agent may be given."),
    options: z.looseObject({}).optional().describe("The JSON Schema of the agent's own options."),
    version: z.string().optional(),
    configOptions: z.array(z.looseObject({})).optional(),
  })
  .meta({ id: "Agent" });
export type AgentRecord = Readonly<z.infer<typeof agentSchema>>;
