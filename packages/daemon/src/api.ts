/** Every line of the contract as a route: parse at the door, call the handler, write the answer. */
import type { Clock, Kernel } from "@corral/kernel";
import {
  contract,
  Fault,
  type Operation,
  type OperationName,
  openApi,
  type StreamForm,
  streamMediaTypes,
} from "@corral/protocol";
import { type Context, Hono } from "hono";
import { chooseForm } from "./accept.ts";
import { lingering, TooLarge } from "./body.ts";
import { docsPage } from "./docs-page.ts";
import { type FollowForm, pageText } from "./encode.ts";
import type { Exchanges } from "./exchange.ts";
import { Answered, type Circumstances, type Followed } from "./handlers/handler.ts";
import { allHandlers } from "./handlers/index.ts";
import { type Log, logSurprise, problemResponse, refuse } from "./problem.ts";
import { type ParsedRequest, readRequest } from "./read-request.ts";
import { missingRoute, routerPath } from "./routes.ts";
import { type OpenSink, openBodySink, type Reply, replyWithBody, startStream, streamHeaders } from "./stream.ts";
import type { Telling } from "./telling.ts";

export interface ApiNeed {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly version: string;
  readonly maxBodyBytes: number;
  readonly log: Log;
  readonly exchanges: Exchanges;
}

export interface Bindings {
  /** What every answer to this request says, such as its CORS headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where a stream is written, when not into the body of the response. */
  readonly openSink?: OpenSink | undefined;
  /** Where an answer is written, when not into the body of the response. */
  readonly reply?: Reply | undefined;
}

type RouteContext = Context<{ Bindings: Bindings }>;
type AnyHandler = (request: ParsedRequest & Circumstances) => Promise<unknown>;

const jsonHeaders = { "content-type": "application/json", "cache-control": "no-store" };

const jsonResponse = (
  { env: { reply = replyWithBody, headers } }: RouteContext,
  text: string,
  status = 200,
): Response => reply(text, { status, headers: { ...jsonHeaders, ...headers } });

function answer(c: RouteContext, one: Operation, outcome: unknown): Response {
  if (one.status === 204) return new Response(undefined, { status: 204 });
  if (outcome instanceof Answered) return jsonResponse(c, JSON.stringify(outcome.answer), outcome.status);
  return jsonResponse(c, JSON.stringify(outcome), one.status);
}

/** Of equally welcome forms a page comes first. */
const offered: Readonly<Record<StreamForm, string>> = {
  json: streamMediaTypes.json,
  sse: streamMediaTypes.sse,
  ndjson: streamMediaTypes.ndjson,
};

function acceptedForm(request: Request): StreamForm {
  const form = chooseForm(request.headers.get("accept"), offered);
  if (form) return form;
  throw new Fault("request.not_acceptable", {
    detail: "Events come in other forms than those that were asked for.",
    help: `Accept one of ${Object.values(offered).join(", ")}.`,
  });
}

function createRoutes(need: ApiNeed) {
  const { clock, log, exchanges, maxBodyBytes } = need;
  const handlers = allHandlers({ ...need, surprised: (error) => logSurprise(error, { clock, log }) });

  const streamed = (c: RouteContext, form: FollowForm, follow: Followed["follow"]): Response => {
    if (c.req.raw.method === "HEAD") return new Response(undefined, { headers: streamHeaders(form) });
    const { openSink = openBodySink, headers } = c.env;
    // The stream outlives this answer, and so does its exchange.
    const exchange = exchanges.open(c.req.raw);
    const onSurprise = (error: unknown) => void logSurprise(error, { clock, log });
    return startStream({ form, follow, clock, exchange, openSink, headers, onSurprise });
  };

  const followed = async (c: RouteContext, form: StreamForm, { page, follow }: Followed): Promise<Response> =>
    form === "json" ? jsonResponse(c, pageText(await page())) : streamed(c, form, follow);

  const told = async (one: Operation, c: RouteContext, form: StreamForm, telling: Telling<unknown>) =>
    form === "json" ? answer(c, one, await telling.answer()) : streamed(c, form, (options) => telling.lines(options));

  const respond = async (name: OperationName, c: RouteContext, signal: AbortSignal): Promise<Response> => {
    const one: Operation = contract[name];
    const form = one.follows || one.tells ? acceptedForm(c.req.raw) : "json";
    const parsed = await readRequest(one, { request: c.req.raw, params: c.req.param(), maxBodyBytes });
    if (parsed instanceof TooLarge) return lingering(problemResponse(parsed.fault), parsed, clock);
    // The table and its handlers have the same keys; that each pair fits was checked where the handlers are written.
    const handler = handlers[name] as unknown as AnyHandler;
    const outcome = await handler({ ...parsed, signal });
    if (one.tells) return told(one, c, form, outcome as Telling<unknown>);
    return one.follows ? followed(c, form, outcome as Followed) : answer(c, one, outcome);
  };

  return (name: OperationName) =>
    async (c: RouteContext): Promise<Response> => {
      const exchange = exchanges.open(c.req.raw);
      try {
        return await respond(name, c, exchange.signal);
      } finally {
        exchange.close();
      }
    };
}

const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
};

export function createApi(need: ApiNeed): Hono<{ Bindings: Bindings }> {
  const { version, clock, log } = need;
  const app = new Hono<{ Bindings: Bindings }>();
  const route = createRoutes(need);
  for (const name of Object.keys(contract) as OperationName[]) {
    app.on(contract[name].method, routerPath(contract[name].path), route(name));
  }
  // It takes as long to make as the daemon to start, so it is made when somebody asks for it.
  let document: ReturnType<typeof openApi> | undefined;
  const documentOf = () => {
    document ??= openApi({ version });
    return document;
  };
  const cover = JSON.stringify({ name: "corral", version, docs: "/docs", openapi: "/openapi.json" });
  app.get("/", (c) => jsonResponse(c, cover));
  app.get("/openapi.json", (c) => jsonResponse(c, JSON.stringify(documentOf())));
  app.get("/docs", () => new Response(docsPage(documentOf()), { headers: pageHeaders }));
  app.notFound(({ req }) => problemResponse(missingRoute(req.raw)));
  app.onError((error) => refuse(error, { clock, log }));
  return app;
}
