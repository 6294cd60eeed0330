/** The daemon as a fetch function: who may call is decided here, before the API sees the request. */
import type { Clock, Kernel } from "@corral/kernel";
import { Fault } from "@corral/protocol";
import { createApi } from "./api.ts";
import { createAuthorize } from "./auth.ts";
import { usualMaxBodyBytes } from "./body.ts";
import { createExchanges, stoppingFault } from "./exchange.ts";
import { type Cors, createOriginCheck } from "./origin.ts";
import { type Log, refuse } from "./problem.ts";
import { methodsOf, missingRoute } from "./routes.ts";
import type { OpenSink, Reply } from "./stream.ts";

export interface DaemonNeed {
  readonly kernel: Kernel;
  readonly clock: Clock;
  /** The release that `GET /v1/health` tells. */
  readonly version: string;
  /** The bearer token that callers must show; absent lets everybody call. */
  readonly token?: string | undefined;
  /** Which web pages of other origins may call; none when absent. */
  readonly cors?: Cors | undefined;
  /** Names under which the daemon may be called, beside loopback and the address it listens on. */
  readonly allowedHosts?: readonly string[] | undefined;
  readonly maxBodyBytes?: number | undefined;
  readonly log?: Log | undefined;
}

/** What a server that has sockets tells of a request. */
export interface DaemonEnv {
  /** Addresses that the server listens on. */
  readonly listening?: readonly string[];
  /** Where a stream is written, when not into the body of the response. */
  readonly openSink?: OpenSink;
  /** Where an answer is written, when not into the body of the response. */
  readonly reply?: Reply;
}

export interface Daemon {
  fetch(request: Request, env?: DaemonEnv): Promise<Response>;
  /** Answers a WebSocket upgrade instead of making it: to strangers as to any stranger, to others that there is no such route. */
  refuseUpgrade(request: Request, env?: DaemonEnv): Response;
  /** Whether callers must show a token. */
  readonly guarded: boolean;
  readonly clock: Clock;
  /** How many requests and streams are being answered now. */
  readonly busy: number;
  /** Ends streams and waits with `daemon.stopping`, and refuses whatever comes later. */
  stop(): void;
}

/** What `OPTIONS` is told: by a browser that asks first, and by everybody else. */
function optionsResponse(request: Request, preflightHeaders: Readonly<Record<string, string>>): Response {
  const preflight = request.headers.has("origin") && request.headers.has("access-control-request-method");
  if (preflight) return new Response(undefined, { status: 204, headers: { ...preflightHeaders } });
  const allow = methodsOf(new URL(request.url).pathname);
  if (allow.length === 0) throw missingRoute(request);
  return new Response(undefined, { status: 204, headers: { allow: allow.join(", ") } });
}

/** Answers that were written to the socket already have their headers. */
function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  if (response.headers.has("x-hono-already-sent")) return response;
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  return response;
}

export function createDaemon(need: DaemonNeed): Daemon {
  const { clock, maxBodyBytes = usualMaxBodyBytes, log = () => undefined } = need;
  const exchanges = createExchanges();
  const origin = createOriginCheck(need);
  const authorize = createAuthorize(need.token);
  const api = createApi({ ...need, maxBodyBytes, log, exchanges });

  const answer = async (request: Request, { listening = [], ...env }: DaemonEnv, headers: Record<string, string>) => {
    origin.check(request, listening);
    authorize(request);
    if (exchanges.stopping) throw stoppingFault();
    if (request.method === "OPTIONS") return optionsResponse(request, origin.preflightHeaders);
    return api.fetch(request, { headers, ...env });
  };

  return {
    async fetch(request, env = {}) {
      const headers = {
        ...origin.headersFor(request),
        ...(exchanges.stopping ? { connection: "close" } : {}),
      };
      try {
        return withHeaders(await answer(request, env, headers), headers);
      } catch (error) {
        return withHeaders(refuse(error, { clock, log }), headers);
      }
    },
    refuseUpgrade(request, { listening = [] } = {}) {
      try {
        origin.check(request, listening);
        authorize(request, { upgrade: true });
        throw new Fault("route.missing", {
          detail: `No WebSocket is at ${new URL(request.url).pathname.slice(0, 255)}.`,
        });
      } catch (error) {
        return refuse(error, { clock, log });
      }
    },
    guarded: need.token !== undefined,
    clock,
    get busy() {
      return exchanges.size;
    },
    stop: exchanges.stop,
  };
}
