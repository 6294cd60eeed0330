/** OpenAI Responses: its requests read, and its answers written. */
import { asRecord, asRecords, asText, isRecord, type JsonObject, textIn, textOrNone } from "../json.ts";
import { type Frame, isWhole, type ModelReply } from "../reply.ts";
import type { DeclaredTool, Message, ModelRequest } from "../request.ts";
import type { Dialect } from "./dialect.ts";
import { openaiCode, openaiFailure } from "./openai-errors.ts";
import { doneItem, type EventFrame, itemEvents, itemsOf } from "./responses-items.ts";

const isSystem = ({ role }: JsonObject): boolean => role === "system" || role === "developer";
const isMessage = ({ type, role }: JsonObject): boolean => (type ?? "message") === "message" && role !== undefined;

function messagesOf(item: JsonObject): readonly Message[] {
  if (/_output$/.test(asText(item.type))) return [{ role: "tool", text: textIn(item.output) }];
  if (!isMessage(item) || isSystem(item)) return [];
  return [{ role: item.role === "assistant" ? "assistant" : "user", text: textIn(item.content) }];
}

const forms: Readonly<Record<string, DeclaredTool["form"]>> = { function: "function", custom: "custom" };

const toolOf = ({ name, type, parameters }: JsonObject): DeclaredTool => ({
  name: asText(name) || asText(type),
  schema: asRecord(parameters),
  form: forms[asText(type)] ?? "hosted",
});

const toolsOf = ({ tools }: JsonObject): readonly DeclaredTool[] =>
  asRecords(tools).flatMap((tool) => {
    if (tool.type !== "namespace") return [toolOf(tool)];
    return asRecords(tool.tools).map((inner) => ({ ...toolOf(inner), namespace: asText(tool.name) }));
  });

function schemaOf({ text }: JsonObject): JsonObject | undefined {
  const { type, schema } = asRecord(asRecord(text).format);
  return type === "json_object" ? { type: "object" } : isRecord(schema) ? schema : undefined;
}

function read(body: JsonObject): ModelRequest {
  const input = typeof body.input === "string" ? [{ role: "user", content: body.input }] : asRecords(body.input);
  const [jsonSchema, effort] = [schemaOf(body), textOrNone(asRecord(body.reasoning).effort)];
  const system = input.filter(isSystem).map(({ content }) => textIn(content));
  const isImage = ({ type }: JsonObject): boolean => type === "input_image";
  return {
    dialect: "responses",
    model: asText(body.model),
    system: [asText(body.instructions), ...system].filter(Boolean).join("\n"),
    messages: input.flatMap(messagesOf),
    tools: toolsOf(body),
    stream: body.stream === true,
    imageCount: input.flatMap(({ content }: JsonObject) => asRecords(content)).filter(isImage).length,
    wantsUsage: true,
    ...(jsonSchema === undefined ? {} : { jsonSchema }),
    ...(effort === undefined ? {} : { effort }),
  };
}

const usageOf = ({ usage: { input, cached, output, reasoning } }: ModelReply): JsonObject => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cached },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: input + output,
});

type Status = "in_progress" | "completed" | "incomplete" | "failed";

function responseOf(reply: ModelReply, status: Status, rest: JsonObject = {}): JsonObject {
  return {
    id: `resp_${reply.id}`,
    object: "response",
    created_at: reply.createdSeconds,
    status,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    model: reply.model,
    output: [],
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: "auto",
    tools: [],
    top_p: 1,
    ...rest,
  };
}

/** The response as it stands at its end. */
function ended(reply: ModelReply): { readonly status: Status; readonly response: JsonObject } {
  const { ending } = reply;
  const output = itemsOf(reply).map(doneItem);
  if (ending.is === "error") {
    const error = { code: openaiCode(ending.refusal) ?? "server_error", message: ending.refusal.message };
    return { status: "failed", response: responseOf(reply, "failed", { error, usage: null }) };
  }
  const cutShort = ending.is === "stop" && ending.reason === "length";
  const status = cutShort ? "incomplete" : "completed";
  const details = cutShort ? { incomplete_details: { reason: "max_output_tokens" } } : {};
  return { status, response: responseOf(reply, status, { ...details, output, usage: usageOf(reply) }) };
}

const whole = (reply: ModelReply): JsonObject => ended(reply).response;

const event: EventFrame = (type, rest) => ({ event: type, body: { type, ...rest } });

/** The events with their numbers, from 0 without a hole. */
function* numbered(all: Iterable<Frame>): Generator<Frame> {
  let next = 0;
  for (const frame of all) {
    if ("waitMs" in frame) yield frame;
    else yield { ...frame, body: { ...asRecord(frame.body), sequence_number: next++ } };
  }
}

function* events(reply: ModelReply): Generator<Frame> {
  for (const type of ["response.created", "response.in_progress"]) {
    yield event(type, { response: responseOf(reply, "in_progress") });
  }
  const items = itemsOf(reply);
  let index = 0;
  for (const block of reply.blocks) {
    const item = items[index];
    if (block.is === "pause") yield block;
    else if (item) yield* itemEvents(item, index++, event, !isWhole(reply) && index === items.length);
  }
  if (reply.ending.is === "cut" || reply.ending.is === "hang") return;
  const { status, response } = ended(reply);
  yield event(`response.${status}`, { response });
}

const frames = (reply: ModelReply): Iterable<Frame> => numbered(events(reply));

export const responses: Dialect = { id: "responses", read, whole, frames, failure: openaiFailure };
