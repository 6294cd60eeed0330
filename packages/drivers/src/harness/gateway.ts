/** The options that all real harnesses share: which model server they talk to, and whose login they use. */
import { z } from "zod";

export const gatewayOptions = z.strictObject({
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("A model server to talk to instead of the vendor's own."),
  dialect: z
    .enum(["chat", "responses", "messages", "gemini"])
    .optional()
    .describe("What that server speaks; the agent's usual dialect when absent."),
  model: z.string().min(1).optional().describe("The model to begin with, as that server calls it."),
  models: z
    .array(z.string().min(1))
    .max(50)
    .optional()
    .describe("More models of that server, to choose from while the session goes on."),
  contextWindow: z.int().min(1).optional().describe("How many tokens that model takes."),
  login: z
    .enum(["none", "host"])
    .optional()
    .describe("`host`: use the login that the daemon's user has in this agent; otherwise only the session's secrets."),
  registry: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("The npm registry that the agent and its tools may use; without it they are given none."),
});

export type GatewayOptions = z.infer<typeof gatewayOptions>;

/** A driver's own schema has made them what they are; this only says so. */
export const gatewayOf = (options: Readonly<Record<string, unknown>>): GatewayOptions =>
  gatewayOptions.loose().parse(options);
