/** What a config file may say of agents that are not built in. */
import { agentCapabilitiesSchema } from "@corral/protocol";
import { z } from "zod";

const text = z.string().min(1);

/** With these a secret would decide which program is run, and not what it knows. */
const deciding = /^(PATH|HOME|TMPDIR|SHELL|ENV|BASH_ENV|SHELLOPTS|NODE_OPTIONS|NODE_PATH|PYTHON\w*|LD_\w+|DYLD_\w+)$/;
const secretName = z
  .string()
  .regex(/^[A-Za-z_]\w*$/, "must be the name of a variable")
  .refine((name) => !deciding.test(name), "must not decide which program is run");

const agent = z.strictObject({
  command: text,
  args: z.array(z.string()).optional(),
  title: text.optional(),
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/, "must be the name of a variable"), z.string()).optional(),
  secrets: z.array(secretName).optional(),
  home: z.enum(["own", "user"]).optional(),
  restores: z.array(z.enum(["resume", "load"])).optional(),
  capabilities: agentCapabilitiesSchema.strict().partial().optional(),
});

/** Refused by hand: of a wrong key the schema would only say that it is wrong. */
export const customAgentsSchema = z.record(z.string(), agent).superRefine((agents, context) => {
  for (const name of Object.keys(agents).filter((one) => !/^[a-z0-9][a-z0-9-]*$/.test(one)))
    context.addIssue({ code: "custom", path: [name], message: "must be lower-case letters, digits and dashes" });
});
export type CustomAgents = z.infer<typeof customAgentsSchema>;
