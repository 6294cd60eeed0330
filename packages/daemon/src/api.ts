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
import { chooseForm } from "./accept.ts";
import type { Call, Outlet, Whole } from "./call.ts";
import { docsPage } from "./docs-page.ts";
import { type FollowForm, pageText } from "./encode.ts";
import type { Exchanges } from "./exchange.ts";
import { Answered, type Circumstances, type Followed } from "./handlers/handler.ts";
import { allHandlers } from "./handlers/index.ts";
import { type Log, logSurprise } from "./problem.ts";
import { type ParsedRequest, readRequest } from "./read-request.ts";
import { findRoute, type PageName, type Route } from "./routes.ts";
import { startStream, streamHead } from "./stream.ts";
import type { Telling } from "./telling.ts";

export interface ApiNeed {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly version: string;
  readonly maxBodyBytes: number;
  readonly log: Log;
  readonly exchanges: Exchanges;
}

/** Answers a call by its route; refusals are thrown. */
export type Api = <Out>(call: Call, outlet: Outlet<Out>) => Promise<Out>;

type AnyHandler = (request: ParsedRequest & Circumstances) => Promise<unknown>;

const jsonHeaders = { "content-type": "application/json", "cache-control": "no-store" };

const json = (text: string, status = 200): Whole => ({ status, headers: jsonHeaders, text });

function answerOf({ status }: Operation, outcome: unknown): Whole {
  if (status === 204) return { status, headers: {} };
  if (outcome instanceof Answered) return json(JSON.stringify(outcome.answer), outcome.status);
  return json(JSON.stringify(outcome), status);
}

/** Of equally welcome forms a page comes first. */
const offered: Readonly<Record<StreamForm, string>> = {
  json: streamMediaTypes.json,
  sse: streamMediaTypes.sse,
  ndjson: streamMediaTypes.ndjson,
};

function acceptedForm({ headers }: Call): StreamForm {
  const form = chooseForm(headers.get("accept"), offered);
  if (form) return form;
  throw new Fault("request.not_acceptable", {
    detail: "Events come in other forms than those that were asked for.",
    help: `Accept one of ${Object.values(offered).join(", ")}.`,
  });
}

/** A call, and the way its answer takes. */
interface Caller<Out> {
  readonly call: Call;
  readonly outlet: Outlet<Out>;
}

interface Asked extends Pick<Route, "params"> {
  readonly name: OperationName;
  readonly signal: AbortSignal;
}

function createOperations(need: ApiNeed) {
  const { clock, log, exchanges, maxBodyBytes } = need;
  const onSurprise = (error: unknown) => logSurprise(error, { clock, log });
  const handlers = allHandlers({ ...need, surprised: onSurprise });

  const stream = <Out>({ call, outlet }: Caller<Out>, form: FollowForm, follow: Followed["follow"]): Out => {
    if (call.method === "HEAD") return outlet.reply(streamHead(form));
    // The stream outlives this answer, and so does its exchange.
    const exchange = exchanges.open(call);
    return startStream(outlet, { form, follow, clock, exchange, onSurprise });
  };

  const follow = async <Out>(caller: Caller<Out>, form: StreamForm, followed: Followed): Promise<Out> =>
    form === "json"
      ? caller.outlet.reply(json(pageText(await followed.page())))
      : stream(caller, form, followed.follow);

  const tell = async <Out>(one: Operation, caller: Caller<Out>, form: StreamForm, telling: Telling<unknown>) =>
    form === "json"
      ? caller.outlet.reply(answerOf(one, await telling.answer()))
      : stream(caller, form, (options) => telling.lines(options));

  const respond = async <Out>(caller: Caller<Out>, { name, params, signal }: Asked): Promise<Out> => {
    const { call, outlet } = caller;
    const one: Operation = contract[name];
    const form = one.follows || one.tells ? acceptedForm(call) : "json";
    const parsed = await readRequest(one, { call, params, maxBodyBytes });
    // The table and its handlers have the same keys; that each pair fits was checked where the handlers are written.
    const handler = handlers[name] as unknown as AnyHandler;
    const outcome = await handler({ ...parsed, signal });
    if (one.tells) return tell(one, caller, form, outcome as Telling<unknown>);
    return one.follows ? follow(caller, form, outcome as Followed) : outlet.reply(answerOf(one, outcome));
  };

  return async <Out>(caller: Caller<Out>, { name, params }: Omit<Asked, "signal">): Promise<Out> => {
    const exchange = exchanges.open(caller.call);
    try {
      return await respond(caller, { name, params, signal: exchange.signal });
    } finally {
      exchange.close();
    }
  };
}

const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
};

function createPages(version: string): Readonly<Record<PageName, () => Whole>> {
  // It takes as long to make as the daemon to start, so it is made when somebody asks for it.
  let document: ReturnType<typeof openApi> | undefined;
  const documentOf = () => {
    document ??= openApi({ version });
    return document;
  };
  const cover = JSON.stringify({ name: "corral", version, docs: "/docs", openapi: "/openapi.json" });
  return {
    cover: () => json(cover),
    document: () => json(JSON.stringify(documentOf())),
    docs: () => ({ status: 200, headers: pageHeaders, text: docsPage(documentOf()) }),
  };
}

const isPage = (name: Route["name"], pages: Readonly<Record<PageName, unknown>>): name is PageName => name in pages;

export function createApi(need: ApiNeed): Api {
  const pages = createPages(need.version);
  const operate = createOperations(need);
  return async (call, outlet) => {
    const { name, params } = findRoute(call);
    return isPage(name, pages) ? outlet.reply(pages[name]()) : operate({ call, outlet }, { name, params });
  };
}
