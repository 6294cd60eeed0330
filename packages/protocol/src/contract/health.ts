/** The table of the daemon itself. */
import { z } from "zod";
import { runSchema } from "../process.ts";
import { operation } from "./operation.ts";

export const healthSchema = z
  .object({
    status: z.literal("ok"),
    version: z.string(),
    startedAt: z.iso.datetime(),
    protocol: z.literal(1).describe("The version of this API."),
  })
  .meta({ id: "Health" });

export const health = {
  readHealth: operation({
    method: "GET",
    path: "/v1/health",
    tag: "daemon",
    summary: "Says that the daemon is there, and which release it is.",
    status: 200,
    answer: healthSchema,
    faults: [],
  }),
  listRuns: operation({
    method: "GET",
    path: "/v1/runs",
    tag: "daemon",
    summary: "Lists the harness processes that are alive, and whose they are.",
    status: 200,
    answer: z.object({ items: z.array(runSchema) }),
    faults: [],
  }),
} as const;
