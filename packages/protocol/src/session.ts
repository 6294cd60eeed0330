/** What a session is: the fold of its events, and the table of what each of its phases allows. */
import { z } from "zod";
import { askPolicySchema, askSchema } from "./ask.ts";
import { faultRecordSchema, forkPointSchema, mcpServerSchema } from "./event.ts";
import { idSchema } from "./ids.ts";
import { usageSchema } from "./usage.ts";

const phases = ["idle", "running", "waiting", "closed"] as const;
export type Phase = (typeof phases)[number];

/** What a phase allows: read by the daemon to refuse and by every client to grey out. */
export const sessionAllows = {
  prompt: ["idle", "running", "waiting"], // while a turn is going on it queues
  steer: ["running", "waiting"],
  answer: ["idle", "running", "waiting"], // idle: the ask of a paused turn
  cancel: ["running", "waiting"],
  configure: ["idle", "running", "waiting"],
  fork: ["idle", "running", "waiting", "closed"],
  rename: ["idle", "running", "waiting", "closed"],
  close: ["idle", "running", "waiting", "closed"],
} as const satisfies Record<string, readonly Phase[]>;
export type SessionVerb = keyof typeof sessionAllows;

export const allows = (phase: Phase, verb: SessionVerb): boolean =>
  (sessionAllows[verb] as readonly Phase[]).includes(phase);

const iso = z.iso.datetime();

export const sessionSchema = z
  .object({
    id: idSchema("session"),
    agent: z.string(),
    cwd: z.string(),
    phase: z.enum(phases),
    title: z.string().optional(),
    createdAt: iso,
    updatedAt: iso,
    cursor: z.int().describe("The cursor of the newest event."),
    model: z.string().optional(),
    mode: z.string().optional(),
    policy: askPolicySchema,
    labels: z.record(z.string(), z.string()),
    options: z.record(z.string(), z.unknown()).optional(),
    mcpServers: z.array(mcpServerSchema).optional(),
    secretNames: z.array(z.string()).describe("Names only; the values live in memory and nowhere else."),
    forkedFrom: forkPointSchema.optional(),
    native: z.string().optional().describe("What the harness calls this session."),
    harness: z
      .object({
        run: idSchema("run"),
        how: z.enum(["new", "load", "resume", "replay", "fork"]),
        pid: z.int().optional(),
        name: z.string().optional(),
        version: z.string().optional(),
        can: z.array(z.string()),
      })
      .optional()
      .describe("The harness process, while there is one."),
    configOptions: z.array(z.looseObject({})).optional(),
    commands: z.array(z.looseObject({})).optional(),
    turn: z.object({ id: idSchema("turn"), startedAt: iso, cursor: z.int() }).optional(),
    queue: z.array(z.object({ id: idSchema("turn"), queuedAt: iso, cursor: z.int() })),
    asks: z.array(askSchema),
    turns: z.int().describe("How many turns have ended."),
    lastTurn: z
      .object({
        id: idSchema("turn"),
        outcome: z.enum(["completed", "failed", "cancelled", "paused", "lost"]),
        endedAt: iso,
        stopReason: z.string().optional(),
        fault: faultRecordSchema.optional(),
      })
      .optional(),
    usage: usageSchema.describe("The sum over all ended turns."),
    context: z
      .object({ used: z.number(), size: z.number(), cost: z.unknown().optional() })
      .optional()
      .describe("How full the harness says its context window is."),
  })
  .meta({ id: "Session" });

export type Session = Readonly<z.infer<typeof sessionSchema>>;

export const turnSchema = z
  .object({
    id: idSchema("turn"),
    session: idSchema("session"),
    state: z.enum(["queued", "running", "ended"]),
    cursor: z.int().describe("Where it was queued: follow the events after this to see the whole turn."),
    outcome: z.enum(["completed", "failed", "cancelled", "paused", "lost"]).optional(),
    stopReason: z.string().optional(),
    output: z.string().optional().describe("All text that the agent said in this turn."),
    usage: usageSchema.optional(),
    fault: faultRecordSchema.optional(),
  })
  .meta({ id: "Turn" });
export type Turn = Readonly<z.infer<typeof turnSchema>>;
