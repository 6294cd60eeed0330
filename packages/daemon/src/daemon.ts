/** The daemon: who may call is decided here, before the API sees the call. */
import type { Clock, Kernel } from "@corral/kernel";
import { Fault } from "@corral/protocol";
import { createApi } from "./api.ts";
import { type AuthorizeOptions, createAuthorize } from "./auth.ts";
import { usualMaxBodyBytes } from "./body.ts";
import { type Call, type Outlet, saying, type Whole } from "./call.ts";
import { createExchanges, stoppingFault } from "./exchange.ts";
import { type Cors, createOriginCheck } from "./origin.ts";
import { type Log, refuse } from "./problem.ts";
import { methodsOf, missingRoute } from "./routes.ts";
import { webCall } from "./web-call.ts";
import { webOutlet } from "./web-outlet.ts";

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

/** What a server that has sockets tells of a call. */
export interface CallEnv {
  /** Addresses that the server listens on. */
  readonly listening?: readonly string[];
}

export interface Daemon {
  fetch(request: Request): Promise<Response>;
  /** The same for every kind of call and way of answering. */
  answer<Out>(call: Call, outlet: Outlet<Out>, env?: CallEnv): Promise<Out>;
  /** Answers a WebSocket upgrade instead of making it: to strangers as to any stranger, to others that there is no such route. */
  refuseUpgrade(call: Call, env?: CallEnv): Whole;
  /** Whether callers must show a token. */
  readonly guarded: boolean;
  readonly clock: Clock;
  /** How many requests and streams are being answered now. */
  readonly busy: number;
  /** Ends streams and waits with `daemon.stopping`, and refuses whatever comes later. */
  stop(): void;
}

/** What `OPTIONS` is told: by a browser that asks first, and by everybody else. */
function optionsOf({ method, url, headers }: Call, preflightHeaders: Whole["headers"]): Whole {
  const preflight = headers.has("origin") && headers.has("access-control-request-method");
  if (preflight) return { status: 204, headers: preflightHeaders };
  const allow = methodsOf(url.pathname);
  if (allow.length === 0) throw missingRoute(method, url.pathname);
  return { status: 204, headers: { allow: allow.join(", ") } };
}

export function createDaemon(need: DaemonNeed): Daemon {
  const { clock, maxBodyBytes = usualMaxBodyBytes, log = () => undefined } = need;
  const exchanges = createExchanges();
  const origin = createOriginCheck(need);
  const authorize = createAuthorize(need.token);
  const api = createApi({ ...need, maxBodyBytes, log, exchanges });

  const admit = (call: Call, { listening = [] }: CallEnv, options?: AuthorizeOptions): void => {
    origin.check(call, listening);
    authorize(call, options);
  };

  const answer: Daemon["answer"] = async (call, bare, env = {}) => {
    const leaving = exchanges.stopping ? { connection: "close" } : {};
    const outlet = saying(bare, { ...origin.headersFor(call), ...leaving });
    try {
      admit(call, env);
      if (exchanges.stopping) throw stoppingFault();
      if (call.method === "OPTIONS") return outlet.reply(optionsOf(call, origin.preflightHeaders));
      return await api(call, outlet);
    } catch (error) {
      return outlet.reply(refuse(error, { clock, log }));
    }
  };

  return {
    fetch: (request) => answer(webCall(request), webOutlet(request)),
    answer,
    refuseUpgrade(call, env = {}) {
      try {
        admit(call, env, { upgrade: true });
        throw new Fault("route.missing", {
          detail: `No WebSocket is at ${call.url.pathname.slice(0, 255)}.`,
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
