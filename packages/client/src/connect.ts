/** The way into a daemon: sessions, agents, and every other operation of the contract. */
import {
  type AgentRecord,
  type AnswerOf,
  type Contract,
  defaultPort,
  type InstalledAgent,
  type RunRow,
  type Session as SessionState,
} from "@corral/protocol";
import { type CallFunction, type CallOf, type CallOptions, createWire } from "./call.ts";
import type { Road } from "./follow.ts";
import { type InstallOptions, install } from "./install.ts";
import { pagesOf } from "./pages.ts";
import { createSession, type Session } from "./session.ts";
import { platformSleep, type Sleep } from "./sleep.ts";

export interface ConnectOptions {
  /** Where the daemon listens; `http://127.0.0.1:2468` when absent. */
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of the platform's own. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Ends every call and every iteration of this client. */
  readonly signal?: AbortSignal;
  /** Instead of the platform's own time. */
  readonly sleep?: Sleep;
}

export interface Page {
  readonly items: readonly SessionState[];
  readonly next?: string | undefined;
}

export interface SessionList {
  open(request: CallOf<"openSession">["body"], options?: CallOptions): Promise<Session>;
  /** Throws `session.missing`. */
  get(id: string, options?: CallOptions): Promise<Session>;
  /** All sessions, the newest first; pages are fetched as they are needed. */
  list(options?: { readonly signal?: AbortSignal }): AsyncIterable<SessionState>;
  page(options?: { readonly after?: string; readonly limit?: number; readonly signal?: AbortSignal }): Promise<Page>;
}

export interface Corral {
  readonly url: string;
  readonly sessions: SessionList;
  /** Any operation of the contract by its name. */
  readonly call: CallFunction;
  agents(options?: CallOptions): Promise<readonly AgentRecord[]>;
  agent(id: string, options?: CallOptions): Promise<AgentRecord>;
  /** Resolves when the agent's programs are there; it goes on without us when we leave. */
  install(id: string, options?: InstallOptions): Promise<InstalledAgent>;
  /** The harness processes that are alive. */
  runs(options?: CallOptions): Promise<readonly RunRow[]>;
  /** Is the daemon there? Answers or throws at once. */
  health(options?: CallOptions): Promise<AnswerOf<Contract["readHealth"]>>;
}

const localUrl = `http://127.0.0.1:${defaultPort}`;

function createSessionList(road: Road): SessionList {
  const { call } = road.wire;
  const page: SessionList["page"] = ({ after, limit, signal } = {}) => {
    const query = {
      ...(after === undefined ? {} : { after }),
      ...(limit === undefined ? {} : { limit: String(limit) }),
    };
    return call("listSessions", { query }, signal ? { signal } : {});
  };
  return {
    open: async (body, options) => createSession(road, (await call("openSession", { body }, options)).id),
    get: async (session, options) =>
      createSession(road, (await call("readSession", { params: { session } }, options)).id),
    list: (options) => pagesOf(undefined, (after) => page({ ...options, ...(after === undefined ? {} : { after }) })),
    page,
  };
}

/** Makes a client; nothing is sent before it is used. */
export function connect(options: ConnectOptions = {}): Corral {
  const url = (options.url ?? localUrl).replace(/\/+$/, "");
  const wire = createWire({
    url,
    token: options.token,
    headers: options.headers ?? {},
    // Called as a function of nobody: browsers refuse a fetch that is called as another object's method.
    fetch: options.fetch ?? ((address, init) => fetch(address, init)),
    signal: options.signal,
    sleep: options.sleep ?? platformSleep,
  });
  const { call } = wire;
  return {
    url,
    call,
    sessions: createSessionList({ wire, waysOut: { polls: false } }),
    agents: async (how) => (await call("listAgents", {}, how)).agents,
    agent: (agent, how) => call("readAgent", { params: { agent } }, how),
    install: (agent, how) => install(wire, agent, how),
    runs: async (how) => (await call("listRuns", {}, how)).items,
    health: (how) => call("readHealth", {}, { patienceMs: 0, ...how }),
  };
}
