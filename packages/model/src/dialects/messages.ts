/** Anthropic Messages: its requests read, and its answers written. */
import { asRecord, asRecords, asText, isRecord, type JsonObject, textIn } from "../json.ts";
import {
  type Block,
  chunkFrames,
  type Frame,
  inputParts,
  type ModelReply,
  type Refusal,
  type StopReason,
  spokenText,
  stopOf,
} from "../reply.ts";
import type { DeclaredTool, Message, ModelRequest } from "../request.ts";
import type { Dialect } from "./dialect.ts";

/** Instructions may also come in the middle of a conversation, as messages of their own. */
const isSystem = ({ role }: JsonObject): boolean => role === "system";

/** Every text and every tool result counts for itself: what was said in several turns arrives as one message. */
function messagesOf({ role, content }: JsonObject): readonly Message[] {
  const speaker = role === "assistant" ? "assistant" : "user";
  if (typeof content === "string") return [{ role: speaker, text: content }];
  return asRecords(content).flatMap((block): readonly Message[] => {
    if (block.type === "tool_result") return [{ role: "tool", text: textIn(block.content) }];
    return block.type === "text" ? [{ role: speaker, text: asText(block.text) }] : [];
  });
}

const toolOf = ({ name, input_schema, type }: JsonObject): DeclaredTool => ({
  name: asText(name),
  schema: asRecord(input_schema),
  form: type === undefined || type === "custom" ? "function" : "hosted",
});

function effortOf({ output_config, thinking }: JsonObject): string | undefined {
  const { effort } = asRecord(output_config);
  const { budget_tokens: budget } = asRecord(thinking);
  return typeof effort === "string" ? effort : typeof budget === "number" ? String(budget) : undefined;
}

const schemaOf = ({ output_config, output_format }: JsonObject): JsonObject | undefined =>
  [asRecord(asRecord(output_config).format).schema, asRecord(output_format).schema].find(isRecord);

function read(body: JsonObject): ModelRequest {
  const messages = asRecords(body.messages);
  const [jsonSchema, effort] = [schemaOf(body), effortOf(body)];
  const isImage = ({ type }: JsonObject): boolean => type === "image";
  return {
    dialect: "messages",
    model: asText(body.model),
    system: [body.system, ...messages.filter(isSystem).map(({ content }) => content)]
      .map(textIn)
      .filter(Boolean)
      .join("\n"),
    messages: messages.filter((message) => !isSystem(message)).flatMap(messagesOf),
    tools: asRecords(body.tools).map(toolOf),
    stream: body.stream === true,
    imageCount: messages.flatMap(({ content }) => asRecords(content)).filter(isImage).length,
    wantsUsage: true,
    ...(jsonSchema === undefined ? {} : { jsonSchema }),
    ...(effort === undefined ? {} : { effort }),
  };
}

const stopReasons: Readonly<Record<StopReason, string>> = {
  end: "end_turn",
  tool: "tool_use",
  length: "max_tokens",
  refusal: "refusal",
};

const usageOf = ({ usage: { input, cached, output } }: ModelReply): JsonObject => ({
  input_tokens: input - cached,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: cached,
  output_tokens: output,
});

const messageOf = (reply: ModelReply, rest: JsonObject): JsonObject => ({
  id: `msg_${reply.id}`,
  type: "message",
  role: "assistant",
  model: reply.model,
  stop_sequence: null,
  ...rest,
});

/** Anything that looks signed will do: it only comes back to us. */
const signature = "c2NyaXB0ZWQ=";

function contentOf(block: Block): readonly JsonObject[] {
  if (block.is === "pause") return [];
  if (block.is === "tool") return [{ type: "tool_use", id: block.callId, name: block.name, input: block.input }];
  const text = spokenText(block);
  return block.is === "text" ? [{ type: "text", text }] : [{ type: "thinking", thinking: text, signature }];
}

const whole = (reply: ModelReply): JsonObject =>
  messageOf(reply, {
    content: reply.blocks.flatMap(contentOf),
    stop_reason: stopReasons[stopOf(reply)],
    usage: usageOf(reply),
  });

const frame = (type: string, rest: JsonObject = {}): Frame => ({ event: type, body: { type, ...rest } });

function* frames(reply: ModelReply): Generator<Frame> {
  const usage = { ...usageOf(reply), output_tokens: 1 };
  yield frame("message_start", { message: messageOf(reply, { content: [], stop_reason: null, usage }) });
  yield frame("ping");
  let index = 0;
  for (const block of reply.blocks) {
    if (block.is === "pause") yield block;
    else yield* blockFrames(block, index++, reply.ending.is === "stop" || block !== reply.blocks.at(-1));
  }
  if (reply.ending.is === "error") yield { event: "error", body: failure(reply.ending.refusal) };
  if (reply.ending.is !== "stop") return;
  const stop = { stop_reason: stopReasons[reply.ending.reason], stop_sequence: null };
  yield frame("message_delta", { delta: stop, usage: usageOf(reply) });
  yield frame("message_stop");
}

type ContentBlock = Exclude<Block, { readonly is: "pause" }>;

/** A block that the stream breaks off in is never stopped. */
function* blockFrames(block: ContentBlock, index: number, stopped: boolean): Generator<Frame> {
  const delta = (change: JsonObject): Frame => frame("content_block_delta", { index, delta: change });
  yield frame("content_block_start", { index, content_block: emptyBlock(block) });
  if (block.is === "tool") {
    for (const part of inputParts(block.input)) yield delta({ type: "input_json_delta", partial_json: part });
  } else if (block.is === "text") {
    yield* chunkFrames(block, (text) => delta({ type: "text_delta", text }));
  } else {
    yield* chunkFrames(block, (thinking) => delta({ type: "thinking_delta", thinking }));
    yield delta({ type: "signature_delta", signature });
  }
  if (stopped) yield frame("content_block_stop", { index });
}

function emptyBlock(block: ContentBlock): JsonObject {
  if (block.is === "tool") return { type: "tool_use", id: block.callId, name: block.name, input: {} };
  return block.is === "text" ? { type: "text", text: "" } : { type: "thinking", thinking: "", signature: "" };
}

const errorTypes: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  529: "overloaded_error",
};

const failure = ({ status, message, code }: Refusal): JsonObject => {
  const usual = errorTypes[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
  return { type: "error", error: { type: code ?? usual, message } };
};

export const messages: Dialect = { id: "messages", read, whole, frames, failure };
