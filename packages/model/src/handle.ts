/** Answers one request of the model server. */
import { answerOf } from "./answer.ts";
import { readBody } from "./body.ts";
import { dialects } from "./dialects/index.ts";
import { type Exchange, noteAsked } from "./exchange.ts";
import type { JsonObject } from "./json.ts";
import { modelList, oneModel } from "./model-lists.ts";
import { promptOf } from "./prompt.ts";
import type { DialectId } from "./request.ts";
import { type Route, routeOf } from "./route.ts";
import { sendJson, sendRefusal, sendReply } from "./send.ts";
import type { Asked } from "./story/choose.ts";
import { inputTokens } from "./usage.ts";

type ModelRoute = Extract<Route, { readonly is: "reply" | "count" }>;
type ListRoute = Extract<Route, { readonly is: "models" }>;

async function answerModel(exchange: Exchange, { is, dialect: id, target }: ModelRoute): Promise<void> {
  const { request, response, note } = exchange;
  const dialect = dialects[id];
  note({ dialect: id });
  const body = await readBody(request);
  if ("refusal" in body) return sendRefusal(response, dialect, body.refusal);
  const read = dialect.read(body.json, target);
  const asked: Asked = { request: read, prompt: promptOf(read) };
  noteAsked(note, asked);
  if (is === "count") sendJson(response, 200, countOf(id, inputTokens(asked.prompt)));
  else await reply(exchange, asked);
}

async function reply({ stage, response, gone, sends, cuts }: Exchange, asked: Asked): Promise<void> {
  const { clock } = stage;
  const createdSeconds = Math.floor(clock.now() / 1_000);
  const made = answerOf(stage.now().chooser, { ...asked, id: stage.nextId(), createdSeconds });
  sends(made);
  const dialect = dialects[asked.request.dialect];
  await sendReply({ response, dialect, clock, gone, cuts }, made, asked.request.stream);
}

function countOf(dialect: DialectId, tokens: number): JsonObject {
  if (dialect === "gemini") return { totalTokens: tokens };
  return dialect === "messages" ? { input_tokens: tokens } : { object: "response.input_tokens", input_tokens: tokens };
}

/** Fits every dialect: each reads the fields that it knows. */
function answerNothing({ response, path }: Exchange): void {
  const message = `The scripted model server has nothing at ${path}`;
  sendJson(response, 404, { type: "error", error: { type: "not_found_error", message, code: "not_found" } });
}

function answerModels(exchange: Exchange, { style, id }: ListRoute): void {
  const { models } = exchange.stage.now();
  if (id === undefined) sendJson(exchange.response, 200, modelList(style, models));
  else if (models.includes(id)) sendJson(exchange.response, 200, oneModel(style, id));
  else answerNothing(exchange);
}

export async function handle(exchange: Exchange, isAnthropic: boolean): Promise<void> {
  const { request, response, path } = exchange;
  const route = routeOf({ method: request.method ?? "GET", path, isAnthropic });
  if (route.is === "reply" || route.is === "count") return answerModel(exchange, route);
  // Whatever was sent along is read and forgotten, so that the connection can be used again.
  request.resume();
  if (route.is === "models") answerModels(exchange, route);
  else if (route.is === "hello") sendJson(response, 200, { ok: true });
  else answerNothing(exchange);
}
