/** OpenAI Chat Completions: its requests read, and its answers written. */
import { asRecord, asRecords, asText, isRecord, type JsonObject, textIn, textOrNone } from "../json.ts";
import {
  chunkFrames,
  type Frame,
  inputParts,
  type ModelReply,
  type StopReason,
  saidIn,
  stopOf,
  type ToolBlock,
  toolsIn,
} from "../reply.ts";
import type { DeclaredTool, Message, ModelRequest } from "../request.ts";
import type { Dialect } from "./dialect.ts";
import { openaiFailure } from "./openai-errors.ts";

const roles: Readonly<Record<string, Message["role"]>> = { user: "user", assistant: "assistant", tool: "tool" };

const toolOf = ({ function: declared }: JsonObject): DeclaredTool => {
  const { name, parameters } = asRecord(declared);
  return { name: asText(name), schema: asRecord(parameters), form: "function" };
};

function schemaOf(format: JsonObject): JsonObject | undefined {
  if (format.type === "json_object") return { type: "object" };
  const { schema } = asRecord(format.json_schema);
  return isRecord(schema) ? schema : undefined;
}

function read(body: JsonObject): ModelRequest {
  const messages = asRecords(body.messages);
  const jsonSchema = schemaOf(asRecord(body.response_format));
  const effort = textOrNone(body.reasoning_effort);
  return {
    dialect: "chat",
    model: asText(body.model),
    system: messages
      .filter(({ role }) => roles[asText(role)] === undefined)
      .map(({ content }) => textIn(content))
      .join("\n"),
    messages: messages.flatMap(({ role, content }) => {
      const known = roles[asText(role)];
      return known === undefined ? [] : [{ role: known, text: textIn(content) }];
    }),
    tools: asRecords(body.tools).map(toolOf),
    stream: body.stream === true,
    imageCount: messages.flatMap(({ content }) => asRecords(content)).filter(({ type }) => type === "image_url").length,
    wantsUsage: asRecord(body.stream_options).include_usage !== false,
    ...(jsonSchema === undefined ? {} : { jsonSchema }),
    ...(effort === undefined ? {} : { effort }),
  };
}

const finishReasons: Readonly<Record<StopReason, string>> = {
  end: "stop",
  tool: "tool_calls",
  length: "length",
  refusal: "content_filter",
};

const usageOf = ({ usage: { input, cached, output, reasoning } }: ModelReply): JsonObject => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  prompt_tokens_details: { cached_tokens: cached },
  completion_tokens_details: { reasoning_tokens: reasoning },
});

const headOf = ({ id, createdSeconds, model }: ModelReply, object: string): JsonObject => ({
  id: `chatcmpl-${id}`,
  object,
  created: createdSeconds,
  model,
});

const callOf = ({ callId, name, input }: ToolBlock): JsonObject => ({
  id: callId,
  type: "function",
  function: { name, arguments: JSON.stringify(input) },
});

function whole(reply: ModelReply): JsonObject {
  const [text, thinking, tools] = [saidIn(reply, "text"), saidIn(reply, "thinking"), toolsIn(reply)];
  const message = {
    role: "assistant",
    content: text === "" && tools.length > 0 ? null : text,
    ...(thinking === "" ? {} : { reasoning_content: thinking }),
    ...(tools.length === 0 ? {} : { tool_calls: tools.map(callOf) }),
  };
  const choice = { index: 0, message, logprobs: null, finish_reason: finishReasons[stopOf(reply)] };
  return { ...headOf(reply, "chat.completion"), choices: [choice], usage: usageOf(reply) };
}

function* frames(reply: ModelReply): Generator<Frame> {
  const head = headOf(reply, "chat.completion.chunk");
  const piece = (delta: JsonObject, finish: string | null = null): Frame => ({
    body: { ...head, choices: [{ index: 0, delta, finish_reason: finish }] },
  });
  yield piece({ role: "assistant", content: "" });
  let calls = 0;
  for (const block of reply.blocks) {
    if (block.is === "pause") yield block;
    else if (block.is === "tool") yield* callFrames(block, calls++, piece);
    else if (block.is === "text") yield* chunkFrames(block, (content) => piece({ content }));
    else yield* chunkFrames(block, (text) => piece({ reasoning_content: text }));
  }
  if (reply.ending.is === "error") yield { body: openaiFailure(reply.ending.refusal) };
  if (reply.ending.is !== "stop") return;
  yield piece({}, finishReasons[reply.ending.reason]);
  if (reply.wantsUsage) yield { body: { ...head, choices: [], usage: usageOf(reply) } };
  yield { body: "[DONE]" };
}

function* callFrames(block: ToolBlock, index: number, piece: (delta: JsonObject) => Frame): Generator<Frame> {
  const { callId, name } = block;
  yield piece({ tool_calls: [{ index, id: callId, type: "function", function: { name, arguments: "" } }] });
  for (const part of inputParts(block.input)) yield piece({ tool_calls: [{ index, function: { arguments: part } }] });
}

export const chat: Dialect = { id: "chat", read, whole, frames, failure: openaiFailure };
