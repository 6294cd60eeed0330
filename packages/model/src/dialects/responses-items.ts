/** The output items of OpenAI Responses, and the events that stream each of them. */
import type { JsonObject } from "../json.ts";
import {
  type Block,
  chunkFrames,
  type Frame,
  inputParts,
  type ModelReply,
  type SpokenBlock,
  spokenText,
  type ToolBlock,
} from "../reply.ts";

/** Writes one event of a stream. */
export type EventFrame = (type: string, rest: JsonObject) => Frame;

export type ItemBlock = Exclude<Block, { readonly is: "pause" }>;

export interface Item {
  readonly id: string;
  readonly block: ItemBlock;
  readonly refuses: boolean;
}

export const itemsOf = (reply: ModelReply): readonly Item[] =>
  reply.blocks
    .filter((block) => block.is !== "pause")
    .map((block, at) => ({ id: `${prefixes[block.is]}_${reply.id}_${at}`, block, refuses: refuses(reply) }));

const prefixes: Readonly<Record<ItemBlock["is"], string>> = { text: "msg", thinking: "rs", tool: "fc" };

const refuses = ({ ending }: ModelReply): boolean => ending.is === "stop" && ending.reason === "refusal";

/** An item as it stands when it is done. */
export function doneItem({ id, block, refuses: refused }: Item): JsonObject {
  if (block.is === "tool") return { ...callItem(id, block), status: "completed" };
  const text = spokenText(block);
  if (block.is === "thinking") return { id, type: "reasoning", summary: [{ type: "summary_text", text }] };
  return { id, type: "message", status: "completed", role: "assistant", content: [contentPart(text, refused)] };
}

const contentPart = (text: string, refused: boolean): JsonObject =>
  refused ? { type: "refusal", refusal: text } : { type: "output_text", text, annotations: [], logprobs: [] };

function callItem(id: string, { callId, name, namespace, form, input }: ToolBlock): JsonObject {
  const called = { id, call_id: callId, name, ...(namespace === undefined ? {} : { namespace }) };
  return form === "custom"
    ? { ...called, type: "custom_tool_call", input: customInput(input) }
    : { ...called, type: "function_call", arguments: JSON.stringify(input) };
}

/** A custom tool takes text: the one field of its input, or all of it as JSON. */
const customInput = (input: JsonObject): string => {
  const [only, ...more] = Object.values(input);
  return typeof only === "string" && more.length === 0 ? only : JSON.stringify(input);
};

function* messageEvents(
  { id, refuses: refused }: Item,
  block: SpokenBlock,
  at: JsonObject,
  event: EventFrame,
): Generator<Frame> {
  const where = { item_id: id, ...at, content_index: 0 };
  const text = spokenText(block);
  const kind = refused ? "response.refusal" : "response.output_text";
  yield event("response.content_part.added", { ...where, part: contentPart("", refused) });
  yield* chunkFrames(block, (delta) =>
    event(`${kind}.delta`, { ...where, delta, ...(refused ? {} : { logprobs: [] }) }),
  );
  yield event(`${kind}.done`, { ...where, ...(refused ? { refusal: text } : { text, logprobs: [] }) });
  yield event("response.content_part.done", { ...where, part: contentPart(text, refused) });
}

function* reasoningEvents({ id }: Item, block: SpokenBlock, at: JsonObject, event: EventFrame): Generator<Frame> {
  const where = { item_id: id, ...at, summary_index: 0 };
  const text = spokenText(block);
  yield event("response.reasoning_summary_part.added", { ...where, part: { type: "summary_text", text: "" } });
  yield* chunkFrames(block, (delta) => event("response.reasoning_summary_text.delta", { ...where, delta }));
  yield event("response.reasoning_summary_text.done", { ...where, text });
  yield event("response.reasoning_summary_part.done", { ...where, part: { type: "summary_text", text } });
}

function* callEvents(
  { id }: Item,
  { name, form, input }: ToolBlock,
  at: JsonObject,
  event: EventFrame,
): Generator<Frame> {
  const where = { item_id: id, ...at };
  if (form === "custom") {
    yield event("response.custom_tool_call_input.delta", { ...where, delta: customInput(input) });
    yield event("response.custom_tool_call_input.done", { ...where, input: customInput(input) });
    return;
  }
  for (const delta of inputParts(input)) yield event("response.function_call_arguments.delta", { ...where, delta });
  yield event("response.function_call_arguments.done", { ...where, name, arguments: JSON.stringify(input) });
}

function begunItem(item: Item): JsonObject {
  const { block } = item;
  const done = doneItem(item);
  if (block.is === "tool") {
    const empty = block.form === "custom" ? { input: "" } : { arguments: "" };
    return { ...done, status: "in_progress", ...empty };
  }
  return block.is === "text" ? { ...done, status: "in_progress", content: [] } : { ...done, summary: [] };
}

function innerEvents(item: Item, at: JsonObject, event: EventFrame): Generator<Frame> {
  const { block } = item;
  if (block.is === "tool") return callEvents(item, block, at, event);
  return block.is === "text" ? messageEvents(item, block, at, event) : reasoningEvents(item, block, at, event);
}

const ends = /\.(done)$/;

/** The events of one item. A broken one tells what was said of it and never that it is done. */
export function* itemEvents(item: Item, index: number, event: EventFrame, broken: boolean): Generator<Frame> {
  const at = { output_index: index };
  yield event("response.output_item.added", { ...at, item: begunItem(item) });
  for (const frame of innerEvents(item, at, event)) {
    if (broken && "event" in frame && ends.test(frame.event ?? "")) return;
    yield frame;
  }
  yield event("response.output_item.done", { ...at, item: doneItem(item) });
}
