/** What thinks for the reference agent: a model server where it is told of one, else the words of the prompt themselves. */
import type { Json } from "./wire.ts";

/** A message as Chat Completions has it. */
export type Message = Json & { readonly role: "system" | "user" | "assistant" | "tool" };

export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly parameters: Json;
}

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: Json;
}

export interface Tokens {
  readonly input: number;
  readonly output: number;
}

export type Said =
  | { readonly is: "text" | "thought"; readonly text: string }
  | { readonly is: "call"; readonly call: ToolCall }
  | { readonly is: "usage"; readonly tokens: Tokens };

export interface Question {
  readonly messages: readonly Message[];
  readonly tools: readonly Tool[];
  readonly model: string;
  readonly mode: string;
  readonly signal: AbortSignal;
}

export interface Brain {
  models(): Promise<readonly string[]>;
  /** Throws `BrokenOff` where an answer ends in the middle. */
  answer(question: Question): AsyncIterable<Said>;
}

export class BrokenOff extends Error {}

export const shellTool: Tool = {
  name: "bash",
  description: "Runs a shell command in the workspace.",
  parameters: { type: "object", properties: { command: { type: "string" } }, required: ["command"] },
};
