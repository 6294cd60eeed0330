/** What installing an agent answers, and what it tells while it goes on; some names are those of the agent server's clients. */
import { z } from "zod";
import { faultRecordSchema } from "./event.ts";

export const installRequestSchema = z
  .object({
    reinstall: z.boolean().optional().describe("Also when it is there."),
    agentVersion: z.string().min(1).max(100).optional().describe("An exact version instead of the pinned one."),
    offline: z.boolean().optional().describe("Only what npm's cache holds."),
  })
  .meta({ id: "InstallAgent", example: {} });
export type InstallRequest = Readonly<z.output<typeof installRequestSchema>>;

export const installedSchema = z
  .object({
    already_installed: z.boolean(),
    version: z.string().optional(),
    artifacts: z.array(
      z.object({
        kind: z.enum(["native_agent", "agent_process"]),
        path: z.string(),
        source: z.enum(["registry", "builtin"]),
        version: z.string().optional(),
      }),
    ),
  })
  .meta({ id: "InstalledAgent" });
export type InstalledAgent = Readonly<z.infer<typeof installedSchema>>;

export const installSteps = ["waiting", "resolving", "downloading", "checking", "done"] as const;

const installProgressSchema = z.object({
  type: z.literal("install.progress"),
  step: z.enum(installSteps),
  detail: z.string(),
  percent: z.int().min(0).max(100).optional(),
});
export type InstallProgressLine = Readonly<z.infer<typeof installProgressSchema>>;

/** One line of an installation that is followed; the last one is `install.done` or `install.failed`. */
export const installLineSchema = z
  .discriminatedUnion("type", [
    installProgressSchema,
    installedSchema.extend({ type: z.literal("install.done") }),
    z.object({ type: z.literal("install.failed"), fault: faultRecordSchema }),
  ])
  .meta({ id: "InstallLine" });
export type InstallLine = Readonly<z.infer<typeof installLineSchema>>;
