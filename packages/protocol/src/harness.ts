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

/** Where a login was found; never what it is. */
export const loginSchema = z
  .object({
    provider: z.string().describe("Whose models it opens."),
    kind: z.enum(["api_key", "oauth", "token"]),
    source: z.string().describe("The variable or the file that has it."),
    expiresAt: z.iso.datetime().optional(),
    expired: z.literal(true).optional(),
  })
  .meta({ id: "Login" });
export type LoginRecord = Readonly<z.infer<typeof loginSchema>>;

export const agentSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    installed: z.boolean(),
    credentialsAvailable: z.boolean(),
    capabilities: agentCapabilitiesSchema,
    secrets: z.array(z.string()).describe("Names of the secrets that a session of this agent may be given."),
    logins: z.array(loginSchema).describe("Found on the daemon's machine; used only by sessions that ask for them."),
    options: z.looseObject({}).optional().describe("The JSON Schema of the agent's own options."),
    version: z.string().optional().describe("The installed one."),
    pinnedVersion: z.string().optional().describe("The one that is installed when nobody chooses another."),
    licence: z.enum(["open", "vendor"]).optional(),
    configOptions: z.array(z.looseObject({})).optional(),
  })
  .meta({ id: "Agent" });
export type AgentRecord = Readonly<z.infer<typeof agentSchema>>;
