/** What becomes of each kind of update that harnesses are known to send: an item to read, a piece of state, or both. */
import type { Session } from "./session.ts";
import type { Item, Part } from "./transcript.ts";

export interface Coverage {
  /** The item that it begins or goes on with. */
  readonly item?: Item["kind"];
  /** The part of that item which carries it. */
  readonly part?: Part["type"];
  /** The field of the session that it sets. */
  readonly state?: keyof Session;
}

/** Every update is kept verbatim in `turn.updated` or `session.updated`; this is what the folds read out of it. */
export const updateCoverage = {
  agent_message_chunk: { item: "message", part: "text" },
  agent_thought_chunk: { item: "message", part: "reasoning" },
  user_message_chunk: { item: "message", part: "text" },
  tool_call: { item: "tool_call", part: "tool_call" },
  tool_call_update: { item: "tool_call", part: "tool_call" },
  plan: { item: "status", part: "json" },
  notice: { item: "status", part: "status" },
  available_commands_update: { state: "commands" },
  config_option_update: { state: "configOptions" },
  current_mode_update: { state: "mode" },
  session_info_update: { state: "title" },
  usage_update: { state: "context" },
} as const satisfies Readonly<Record<string, Coverage>>;

/** A kind that nobody has heard of is an item of its own, with the whole update in it. */
export const unknownCoverage: Coverage = { item: "unknown", part: "json" };

export const coverageOf = (kind: string): Coverage =>
  Object.hasOwn(updateCoverage, kind) ? updateCoverage[kind as keyof typeof updateCoverage] : unknownCoverage;
