/** Gemini's generateContent and streamGenerateContent. */
import { asRecord, asRecords, asText, isRecord, type JsonObject, textIn } from "../json.ts";
import {
  type Block,
  chunkFrames,
  type Frame,
  type ModelReply,
  type Refusal,
  type StopReason,
  spokenText,
  stopOf,
} from "../reply.ts";
import type { DeclaredTool, Message, ModelRequest } from "../request.ts";
import type { Dialect, Target } from "./dialect.ts";

const messagesOf = ({ role, parts }: JsonObject): readonly Message[] =>
  asRecords(parts).flatMap((part): readonly Message[] => {
    const answer = asRecord(part.functionResponse).response;
    if (answer !== undefined) return [{ role: "tool", text: textIn(answer) }];
    if (typeof part.text !== "string") return [];
    return [{ role: role === "model" ? "assistant" : "user", text: part.text }];
  });

const toolOf = ({ name, parametersJsonSchema, parameters }: JsonObject): DeclaredTool => ({
  name: asText(name),
  schema: asRecord(parametersJsonSchema ?? parameters),
  form: "function",
});

const toolsOf = ({ tools }: JsonObject): readonly DeclaredTool[] =>
  asRecords(tools).flatMap((group) => asRecords(group.functionDeclarations ?? group.function_declarations).map(toolOf));

function schemaOf({ responseJsonSchema, responseSchema, responseMimeType }: JsonObject): JsonObject | undefined {
  const schema = [responseJsonSchema, responseSchema].find(isRecord);
  return schema ?? (responseMimeType === "application/json" ? { type: "object" } : undefined);
}

function effortOf({ thinkingConfig }: JsonObject): string | undefined {
  const { thinkingLevel, thinkingBudget } = asRecord(thinkingConfig);
  const effort = thinkingLevel ?? thinkingBudget;
  return effort === undefined ? undefined : String(effort);
}

const isImage = ({ inlineData, fileData }: JsonObject): boolean =>
  asText(asRecord(inlineData ?? fileData).mimeType).startsWith("image/");

function read(body: JsonObject, { model = "", stream = false }: Target): ModelRequest {
  const contents = asRecords(body.contents);
  const wanted = asRecord(body.generationConfig);
  const [jsonSchema, effort] = [schemaOf(wanted), effortOf(wanted)];
  return {
    dialect: "gemini",
    model,
    system: textIn(asRecord(body.systemInstruction ?? body.system_instruction).parts),
    messages: contents.flatMap(messagesOf),
    tools: toolsOf(body),
    stream,
    imageCount: contents.flatMap(({ parts }) => asRecords(parts)).filter(isImage).length,
    wantsUsage: true,
    ...(jsonSchema === undefined ? {} : { jsonSchema }),
    ...(effort === undefined ? {} : { effort }),
  };
}

const finishReasons: Readonly<Record<StopReason, string>> = {
  end: "STOP",
  tool: "STOP",
  length: "MAX_TOKENS",
  refusal: "SAFETY",
};

const usageOf = ({ usage: { input, cached, output, reasoning } }: ModelReply): JsonObject => ({
  promptTokenCount: input,
  cachedContentTokenCount: cached,
  candidatesTokenCount: output - reasoning,
  ...(reasoning > 0 ? { thoughtsTokenCount: reasoning } : {}),
  totalTokenCount: input + output,
});

function answer(reply: ModelReply, parts: readonly JsonObject[], last: boolean): JsonObject {
  const finish = last ? { finishReason: finishReasons[stopOf(reply)] } : {};
  return {
    candidates: [{ index: 0, content: { role: "model", parts }, ...finish }],
    ...(last ? { usageMetadata: usageOf(reply) } : {}),
    modelVersion: reply.model,
    responseId: reply.id,
  };
}

function partOf(block: Block): readonly JsonObject[] {
  if (block.is === "pause") return [];
  if (block.is === "tool") return [{ functionCall: { id: block.callId, name: block.name, args: block.input } }];
  const text = spokenText(block);
  return [block.is === "text" ? { text } : { text, thought: true }];
}

const whole = (reply: ModelReply): JsonObject => answer(reply, reply.blocks.flatMap(partOf), true);

function* frames(reply: ModelReply): Generator<Frame> {
  const piece = (part: JsonObject): Frame => ({ body: answer(reply, [part], false) });
  for (const block of reply.blocks) {
    if (block.is === "pause") yield block;
    else if (block.is === "tool") for (const part of partOf(block)) yield piece(part);
    else yield* chunkFrames(block, (text) => piece(block.is === "text" ? { text } : { text, thought: true }));
  }
  if (reply.ending.is === "error") yield { body: failure(reply.ending.refusal) };
  if (reply.ending.is === "stop") yield { body: answer(reply, [{ text: "" }], true) };
}

const states: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

const failure = ({ status, message, code }: Refusal): JsonObject => {
  const usual = states[status] ?? (status < 500 ? "FAILED_PRECONDITION" : "INTERNAL");
  return { error: { code: status, message, status: code ?? usual } };
};

export const gemini: Dialect = { id: "gemini", read, whole, frames, failure };
