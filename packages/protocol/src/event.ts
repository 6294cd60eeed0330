/** Everything that can happen to a session, as a discriminated union: the only thing that is ever stored or streamed. */
import { z } from "zod";
import { askOptionSchema, askPolicySchema, expiries } from "./ask.ts";
import { contentBlockSchema, sessionUpdateSchema } from "./content.ts";
import { type FaultCode, faults } from "./fault.ts";
import { idSchema, type SessionId } from "./ids.ts";
import { residueSchema, stderrTailSchema } from "./process.ts";
import { usageSchema } from "./usage.ts";

export const faultRecordSchema = z
  .object({
    code: z.enum(Object.keys(faults) as [FaultCode, ...FaultCode[]]),
    detail: z.string(),
    help: z.string().optional(),
    more: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: "Fault" });

export const mcpServerSchema = z.looseObject({ name: z.string() }).meta({
  id: "McpServer",
  description:
    "An McpServer of the Agent Client Protocol. It is stored as it is written: give a secret as `$NAME` in the values of env and headers, and its value among the session's secrets.",
});

const labelsSchema = z.record(z.string().max(100), z.string().max(1000));

/** What a session is opened with and may be configured to later; secrets are never part of it. */
export const settingsSchema = z.object({
  title: z.string().min(1).max(500).optional(),
  model: z.string().min(1).optional(),
  mode: z.string().min(1).optional(),
  policy: askPolicySchema.optional(),
  labels: labelsSchema.optional(),
});

const turnOutcomes = ["completed", "failed", "cancelled", "paused", "lost"] as const;
export type TurnOutcome = (typeof turnOutcomes)[number];

const run = idSchema("run");
const prompt = z.array(contentBlockSchema);

export const forkPointSchema = z.object({ session: idSchema("session"), cursor: z.int().min(0) });

/** What a late answer to the ask of a paused turn allows or denies in the turn that goes on from there: once, and only that. */
export const grantSchema = z.object({
  ask: idSchema("ask"),
  decision: z.enum(["allow", "deny"]),
  title: z.string(),
  kind: z.string().optional(),
});
export type Grant = Readonly<z.infer<typeof grantSchema>>;

/** The part of each event that is its own. */
export const eventBodies = {
  "session.opened": settingsSchema.omit({ policy: true }).extend({
    agent: z.string(),
    cwd: z.string(),
    policy: askPolicySchema,
    options: z.record(z.string(), z.unknown()).optional(),
    mcpServers: z.array(mcpServerSchema).optional(),
    secretNames: z.array(z.string()).optional(),
    forkedFrom: forkPointSchema.optional(),
  }),
  "session.configured": settingsSchema.omit({ title: true }).extend({ secretNames: z.array(z.string()).optional() }),
  "session.renamed": z.object({ title: z.string(), by: z.enum(["person", "agent"]) }),
  "session.updated": z.object({
    update: sessionUpdateSchema,
    stale: z.literal(true).optional().describe("Said late, by a harness whose turn had already ended."),
  }),
  "session.closed": z.object({ reason: z.enum(["person", "policy"]) }),
  "harness.installed": z.object({ version: z.string(), ms: z.int().describe("How long the session waited for it.") }),
  "harness.started": z.object({
    run,
    how: z.enum(["new", "load", "resume", "replay", "fork"]),
    native: z.string(),
    pid: z.int().optional(),
    name: z.string().optional(),
    version: z.string().optional(),
    configOptions: z.array(z.looseObject({})).optional(),
    modes: z.looseObject({}).optional(),
    can: z.array(z.enum(["steer", "fork", "image"])).optional(),
  }),
  "harness.exited": z.object({
    run,
    code: z.int().optional(),
    signal: z.string().optional(),
    stderr: stderrTailSchema,
    expected: z.boolean(),
  }),
  "harness.stalled": z.object({ run, silentMs: z.int() }),
  "harness.notice": z.object({
    kind: z.enum(["stray_output", "oversized_frame", "unexpected_frame", "unknown_method"]),
    text: z.string(),
  }),
  "turn.queued": z.object({ prompt, timeoutMs: z.int().optional(), continues: grantSchema.optional() }),
  "turn.started": z.object({}),
  "turn.updated": z.object({ update: sessionUpdateSchema }),
  "turn.steered": z.object({ prompt }),
  "turn.asked": z.object({
    ask: idSchema("ask"),
    kind: z.enum(["permission", "elicitation"]),
    title: z.string(),
    toolCall: z.looseObject({}).optional(),
    options: z.array(askOptionSchema),
    schema: z.looseObject({}).optional(),
    deadlineAt: z.iso.datetime(),
    onExpire: z.enum(expiries),
  }),
  "turn.answered": z.object({
    ask: idSchema("ask"),
    by: z.enum(["person", "policy", "deadline", "cancel"]),
    rule: z.string().optional(),
    outcome: z.enum(["selected", "accepted", "declined", "cancelled", "parked"]),
    option: askOptionSchema.optional(),
    content: z.record(z.string(), z.unknown()).optional(),
  }),
  "turn.ended": z.object({
    outcome: z.enum(turnOutcomes),
    stopReason: z.string().optional(),
    usage: usageSchema.optional(),
    fault: faultRecordSchema.optional(),
  }),
  "run.residue": residueSchema.extend({
    swept: residueSchema
      .omit({ run: true })
      .optional()
      .describe("Of a run that was lost with its daemon: what the next one found of it, and ended and removed."),
  }),
} as const satisfies Record<string, z.ZodType>;

export type EventType = keyof typeof eventBodies;
export type EventBody<Type extends EventType> = z.infer<(typeof eventBodies)[Type]>;

const envelope = {
  id: z.string().describe("Unique in the world; made of the session and the cursor."),
  cursor: z.int().min(1).describe("Dense within the session, from one."),
  session: idSchema("session"),
  turn: idSchema("turn").optional(),
  native: z.string().optional().describe("What the harness calls this session."),
  at: z.iso.datetime(),
  source: z.enum(["agent", "daemon", "person"]).describe("Who caused it."),
  synthetic: z.literal(true).optional().describe("Made by the daemon where a harness left a gap."),
};

type Envelope = z.infer<z.ZodObject<typeof envelope>>;

/** An event before the log has given it a place. */
export type Draft = {
  [Type in EventType]: Pick<Envelope, "turn" | "source" | "synthetic"> & {
    readonly type: Type;
    readonly data: EventBody<Type>;
  };
}[EventType];

export type SessionEvent = {
  [Type in EventType]: Readonly<Envelope> & { readonly type: Type; readonly data: Readonly<EventBody<Type>> };
}[EventType];

const eventOf = ([type, body]: [string, z.ZodType]) =>
  z.object({ ...envelope, type: z.literal(type), data: body }).meta({ id: `Event_${type.replace(".", "_")}` });

/** For documents and for tests; the hot path trusts what it has written itself. */
export const eventSchema = z
  .discriminatedUnion("type", Object.entries(eventBodies).map(eventOf) as [ReturnType<typeof eventOf>])
  .meta({ id: "Event" }) as unknown as z.ZodType<SessionEvent>;

export const eventId = (session: SessionId, cursor: number): string => `${session}.${cursor}`;
