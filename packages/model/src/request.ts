/** What a harness asks of a model, in words that all four dialects share. */
import type { JsonObject } from "./json.ts";

export const dialectIds = ["chat", "responses", "messages", "gemini"] as const;
export type DialectId = (typeof dialectIds)[number];

/** One thing that was said; a turn of several texts or tool results may be several of these. */
export interface Message {
  readonly role: "user" | "assistant" | "tool";
  readonly text: string;
}

export interface DeclaredTool {
  readonly name: string;
  /** The JSON schema of its input. */
  readonly schema: JsonObject;
  /** A function takes JSON, a custom tool takes text, and a hosted tool is run by the provider, so never called. */
  readonly form: "function" | "custom" | "hosted";
  /** The group it stands in, where the dialect groups tools. */
  readonly namespace?: string;
}

export interface ModelRequest {
  readonly dialect: DialectId;
  readonly model: string;
  readonly system: string;
  readonly messages: readonly Message[];
  readonly tools: readonly DeclaredTool[];
  readonly stream: boolean;
  /** The schema that the answer must fit. */
  readonly jsonSchema?: JsonObject;
  readonly imageCount: number;
  /** How hard the model was asked to think, in the dialect's own word or number. */
  readonly effort?: string;
  /** False only where the request declines to be told its usage. */
  readonly wantsUsage: boolean;
}
