/** What the model answers, in words that all four dialects share. */
import type { JsonObject } from "./json.ts";
import type { DeclaredTool } from "./request.ts";

export interface Chunk {
  readonly text: string;
  /** How long nothing comes after it. */
  readonly waitMs: number;
}

export interface SpokenBlock {
  readonly is: "text" | "thinking";
  readonly chunks: readonly Chunk[];
}

export interface ToolBlock {
  readonly is: "tool";
  readonly callId: string;
  readonly name: string;
  readonly form: DeclaredTool["form"];
  readonly namespace?: string;
  readonly input: JsonObject;
}

export interface PauseBlock {
  readonly is: "pause";
  readonly waitMs: number;
}

export type Block = SpokenBlock | ToolBlock | PauseBlock;

export const isSpoken = (block: Block): block is SpokenBlock => block.is === "text" || block.is === "thinking";

export const stopReasons = ["end", "length", "refusal"] as const;

/** `tool` is never chosen: it is why a reply that calls a tool stops. */
export type StopReason = (typeof stopReasons)[number] | "tool";

/** An answer of the provider that is an error. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  /** The provider's own word for it; absent means the usual one for the status. */
  readonly code?: string;
  readonly retryAfterSeconds?: number;
}

export type Ending =
  | { readonly is: "stop"; readonly reason: StopReason }
  | { readonly is: "error"; readonly refusal: Refusal }
  | { readonly is: "cut" }
  | { readonly is: "hang" };

/** In tokens. `cached` is a part of `input`, and `reasoning` a part of `output`. */
export interface Usage {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  readonly reasoning: number;
}

export interface ModelReply {
  /** Told apart from every other reply; the ids of its parts begin with it. */
  readonly id: string;
  readonly model: string;
  readonly createdSeconds: number;
  readonly blocks: readonly Block[];
  readonly ending: Ending;
  readonly usage: Usage;
  readonly wantsUsage: boolean;
}

/** Something for the stream, or a while of silence in it. */
export type Frame = { readonly event?: string; readonly body: JsonObject | "[DONE]" } | { readonly waitMs: number };

export const spokenText = ({ chunks }: SpokenBlock): string => chunks.map(({ text }) => text).join("");

/** Everything of one kind that the reply says. */
export const saidIn = ({ blocks }: ModelReply, is: SpokenBlock["is"]): string =>
  blocks.map((block) => (isSpoken(block) && block.is === is ? spokenText(block) : "")).join("");

export const toolsIn = ({ blocks }: ModelReply): readonly ToolBlock[] => blocks.filter((block) => block.is === "tool");

/** The frames of a spoken block: one for every chunk that has a text, and its silence after it. */
export function* chunkFrames({ chunks }: SpokenBlock, frameOf: (text: string) => Frame): Generator<Frame> {
  for (const { text, waitMs } of chunks) {
    if (text !== "") yield frameOf(text);
    if (waitMs > 0) yield { waitMs };
  }
}

/** The input of a tool in the parts in which it is streamed; never cut inside a letter. */
export function inputParts(input: JsonObject): readonly string[] {
  const letters = Array.from(JSON.stringify(input));
  const middle = Math.ceil(letters.length / 2);
  return [letters.slice(0, middle).join(""), letters.slice(middle).join("")].filter(Boolean);
}

export const stopOf = ({ ending }: ModelReply): StopReason => (ending.is === "stop" ? ending.reason : "end");

export const isWhole = ({ ending }: ModelReply): boolean => ending.is === "stop";
