/** The table of sessions and their turns. */
import { z } from "zod";
import { askPolicyChangeSchema } from "../ask.ts";
import { promptSchema } from "../content.ts";
import { eventSchema, mcpServerSchema, settingsSchema } from "../event.ts";
import { idSchema } from "../ids.ts";
import { residueSchema } from "../process.ts";
import { sessionSchema, turnSchema } from "../session.ts";
import { itemSchema } from "../transcript.ts";
import { operation } from "./operation.ts";
import { cursorQuery, flag, limitQuery, pageOf, sessionParams, waitMsQuery } from "./shared.ts";

const secretsSchema = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
  .describe("Handed to the harness of this session only; kept in memory, never stored.");

export const openSessionSchema = settingsSchema
  .extend({
    agent: z.string().min(1),
    cwd: z.string().min(1).optional().describe("An absolute path; where the daemon was started when absent."),
    options: z
      .record(z.string(), z.unknown())
      .optional()
      .describe("The agent's own options; see GET /v1/agents/{agent}."),
    mcpServers: z.array(mcpServerSchema).max(100).optional(),
    secrets: secretsSchema.optional(),
  })
  .meta({ id: "OpenSession", example: { agent: "scripted" } });
export type OpenSession = z.output<typeof openSessionSchema>;

export const patchSessionSchema = settingsSchema
  .extend({
    policy: askPolicyChangeSchema.optional(),
    secrets: secretsSchema.optional(),
    closed: z.literal(true).optional(),
  })
  .strict()
  .meta({ id: "PatchSession", example: { title: "Fix the login" } });
export type PatchSession = z.output<typeof patchSessionSchema>;

const longestTurnMs = 7 * 24 * 3_600_000;

export const startTurnSchema = z
  .strictObject({
    prompt: promptSchema,
    timeoutMs: z.int().min(1).max(longestTurnMs).optional().describe("The turn fails when it takes longer."),
  })
  .meta({ id: "StartTurn", example: { prompt: "Say hello" } });

const turnParams = sessionParams.extend({ turn: idSchema("turn") });

const one = {
  openSession: operation({
    method: "POST",
    path: "/v1/sessions",
    tag: "sessions",
    summary: "Opens a session with an agent in a workspace.",
    body: openSessionSchema,
    idempotent: true,
    status: 201,
    answer: sessionSchema,
    faults: ["agent.missing", "agent.options", "workspace.missing", "store.full", "store.read_only"],
  }),
  listSessions: operation({
    method: "GET",
    path: "/v1/sessions",
    tag: "sessions",
    summary: "Lists sessions, the newest first.",
    query: z.object({
      after: idSchema("session").optional().describe("The `next` of the page before."),
      limit: limitQuery(200).optional(),
    }),
    status: 200,
    answer: pageOf(sessionSchema),
    faults: [],
  }),
  readSession: operation({
    method: "GET",
    path: "/v1/sessions/{session}",
    tag: "sessions",
    summary: "Reads the state of a session.",
    params: sessionParams,
    status: 200,
    answer: sessionSchema,
    faults: ["session.missing"],
  }),
  patchSession: operation({
    method: "PATCH",
    path: "/v1/sessions/{session}",
    tag: "sessions",
    summary: "Renames, configures or closes a session.",
    params: sessionParams,
    body: patchSessionSchema,
    status: 200,
    answer: sessionSchema,
    faults: ["session.missing", "session.closed", "agent.cannot", "harness.refused"],
  }),
  removeSession: operation({
    method: "DELETE",
    path: "/v1/sessions/{session}",
    tag: "sessions",
    summary: "Closes a session and removes its log. Removing what is not there is no fault.",
    params: sessionParams,
    status: 204,
    faults: [],
  }),
  forkSession: operation({
    method: "POST",
    path: "/v1/sessions/{session}/fork",
    tag: "sessions",
    summary: "Opens a session that shares this one's history up to a cursor.",
    params: sessionParams,
    body: z
      .strictObject({
        cursor: z.int().min(1).optional(),
        title: z.string().min(1).max(500).optional(),
        secrets: secretsSchema.optional(),
      })
      .meta({ id: "ForkSession", example: {} }),
    idempotent: true,
    status: 201,
    answer: sessionSchema,
    faults: ["session.missing", "session.phase", "cursor.ahead"],
  }),
} as const;

const turns = {
  startTurn: operation({
    method: "POST",
    path: "/v1/sessions/{session}/turns",
    tag: "turns",
    summary: "Prompts the session; a busy session queues the prompt.",
    params: sessionParams,
    query: z.object({
      wait: flag.optional().describe("Answers when the turn has ended."),
      onDisconnect: z.enum(["keep", "cancel"]).optional().describe("With wait: what happens when the caller hangs up."),
    }),
    body: startTurnSchema,
    idempotent: true,
    status: 202,
    alsoStatus: [200],
    answer: turnSchema,
    faults: ["session.missing", "session.closed", "session.queue_full", "turn.secrets_lost", "store.full"],
  }),
  readTurn: operation({
    method: "GET",
    path: "/v1/sessions/{session}/turns/{turn}",
    tag: "turns",
    summary: "Reads how a turn stands, and what was said in it.",
    params: turnParams,
    query: z.object({ wait: flag.optional().describe("Answers when the turn has ended.") }),
    status: 200,
    answer: turnSchema,
    faults: ["session.missing", "turn.missing"],
  }),
  cancelTurn: operation({
    method: "POST",
    path: "/v1/sessions/{session}/turns/{turn}/cancel",
    tag: "turns",
    summary: "Ends a turn, within a bound, whatever its harness does. Cancelling an ended turn is no fault.",
    params: turnParams,
    status: 200,
    answer: turnSchema,
    faults: ["session.missing", "turn.missing"],
  }),
  steerTurn: operation({
    method: "POST",
    path: "/v1/sessions/{session}/steer",
    tag: "turns",
    summary: "Says something into the running turn, where the harness can take it.",
    params: sessionParams,
    body: z.strictObject({ prompt: promptSchema }).meta({ id: "Steer", example: { prompt: "Use tabs" } }),
    idempotent: true,
    status: 200,
    answer: sessionSchema,
    faults: ["session.missing", "session.phase", "agent.cannot"],
  }),
} as const;

const record = {
  readEvents: operation({
    method: "GET",
    path: "/v1/sessions/{session}/events",
    tag: "events",
    summary: "Reads a page of events, or follows them: the past, then the present, without gap or repeat.",
    params: sessionParams,
    query: z.object({
      after: cursorQuery.optional(),
      limit: limitQuery(1000).optional(),
      waitMs: waitMsQuery.optional(),
    }),
    follows: eventSchema,
    status: 200,
    answer: pageOf(eventSchema).extend({
      first: z.int().describe("The first cursor that is still kept; older events were trimmed."),
      last: z.int().describe("The cursor of the newest event."),
    }),
    faults: ["session.missing", "cursor.ahead", "request.not_acceptable"],
  }),
  readTranscript: operation({
    method: "GET",
    path: "/v1/sessions/{session}/transcript",
    tag: "events",
    summary: "Reads the conversation as people read it: messages, tool calls and results.",
    params: sessionParams,
    query: z.object({
      after: cursorQuery.optional().describe("Only items that began after this cursor."),
      limit: limitQuery(1000).optional(),
    }),
    status: 200,
    answer: pageOf(itemSchema),
    faults: ["session.missing"],
  }),
  readResidue: operation({
    method: "GET",
    path: "/v1/sessions/{session}/residue",
    tag: "events",
    summary: "Looks for what the session's ended runs left behind on this machine.",
    params: sessionParams,
    status: 200,
    answer: z.object({ items: z.array(residueSchema) }),
    faults: ["session.missing"],
  }),
} as const;

export const sessions = { ...one, ...turns, ...record } as const;
export type StartTurn = z.output<typeof startTurnSchema>;
