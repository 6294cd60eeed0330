/** A small server that keeps the rules of the wire over a log in memory; the log outlives the server, as a daemon's does. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type Draft,
  defaultAskPolicy,
  Fault,
  fold,
  makeId,
  problemMediaType,
  type Session,
  type SessionEvent,
  type StreamEnd,
  type Turn,
  type TurnId,
  toProblem,
} from "@corral/protocol";

export const chanceFrom = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

/** Every item, when there is no more. */
export async function everything<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const bytes = () => crypto.getRandomValues(new Uint8Array(16));

export interface LogFixture {
  readonly id: Session["id"];
  readonly events: SessionEvent[];
  readonly turns: Map<string, Turn>;
  /** The first cursor that is still kept. */
  first: number;
  removed: boolean;
  readonly keys: Map<string, string>;
  state(): Session;
  append(draft: Draft): SessionEvent;
  say(text: string, turn?: TurnId): SessionEvent;
  /** Calls back whenever there is something to look at. */
  readonly watchers: Set<() => void>;
}

export function createLogFixture(): LogFixture {
  const id = makeId("session", Date.now(), bytes());
  let state: Session | undefined;
  const log: LogFixture = {
    id,
    events: [],
    turns: new Map(),
    first: 1,
    removed: false,
    keys: new Map(),
    watchers: new Set(),
    state: () => state!,
    append(draft) {
      const cursor = log.events.length + 1;
      const event = {
        id: `${id}.${cursor}`,
        cursor,
        session: id,
        at: new Date().toISOString(),
        ...draft,
      } as SessionEvent;
      log.events.push(event);
      state = fold(state, event);
      for (const look of [...log.watchers]) look();
      return event;
    },
    say: (text, turn) =>
      log.append({
        type: "turn.updated",
        source: "agent",
        ...(turn ? { turn } : {}),
        data: { update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text } } },
      }),
  };
  log.append({
    type: "session.opened",
    source: "person",
    data: { agent: "scripted", cwd: "/", policy: defaultAskPolicy },
  });
  return log;
}

export interface WireFixture extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Every request so far: `GET /v1/health`. */
  readonly requests: { line: string; headers: IncomingMessage["headers"]; body: string }[];
  /** Streams that are open now. */
  streams(): number;
  stop(): Promise<void>;
}

export interface WireRules {
  readonly port?: number;
  /** Answers before the log does; true when it did. */
  readonly before?: (request: IncomingMessage, response: ServerResponse, body: string) => boolean;
  /** Each event is written as these frames. */
  readonly frames?: (event: SessionEvent) => readonly SessionEvent[];
  readonly onPrompt?: (turn: Turn) => void;
}

const frame = (event: SessionEvent) => `id: ${event.cursor}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

function stream(log: LogFixture, response: ServerResponse, after: number, rules: WireRules, stopping: AbortSignal) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache, no-transform" });
  response.write(`retry: 1000\n:${" ".repeat(2048)}\n\n`);
  let cursor = after;
  const finish = (reason: StreamEnd["reason"]) => {
    response.end(`event: stream.end\ndata: ${JSON.stringify({ type: "stream.end", reason })}\n\n`);
    log.watchers.delete(look);
  };
  const look = () => {
    if (response.writableEnded) return;
    if (log.removed) return finish("session.removed");
    if (cursor + 1 < log.first) {
      const resync = { type: "stream.resync", after: cursor, first: log.first };
      response.write(`event: stream.resync\ndata: ${JSON.stringify(resync)}\n\n`);
      cursor = log.first - 1;
    }
    for (const event of log.events.slice(cursor)) {
      for (const one of rules.frames?.(event) ?? [event]) response.write(frame(one));
      cursor = event.cursor;
    }
    if (log.state().phase === "closed") finish("session.closed");
  };
  log.watchers.add(look);
  response.on("close", () => log.watchers.delete(look));
  stopping.addEventListener("abort", () => finish("daemon.stopping"));
  look();
}

function page(log: LogFixture, response: ServerResponse, after: number, waitMs: number) {
  const give = () => {
    log.watchers.delete(look);
    clearTimeout(timer);
    const items = log.events.slice(Math.max(after, log.first - 1));
    json(response, 200, { items, first: log.first, last: log.events.length });
  };
  const look = () => log.events.length > after && give();
  const timer = setTimeout(give, waitMs);
  response.on("close", () => log.watchers.delete(look));
  log.watchers.add(look);
  look();
}

export function json(response: ServerResponse, status: number, body: unknown, type = "application/json"): void {
  response.writeHead(status, { "content-type": type }).end(JSON.stringify(body));
}

export const refuse = (response: ServerResponse, fault: Fault): void =>
  json(response, fault.status, toProblem(fault), problemMediaType);

function startTurn(log: LogFixture, body: string, key: string, rules: WireRules): string {
  const known = log.keys.get(key);
  if (known !== undefined) return known;
  const id = makeId("turn", Date.now(), bytes());
  const { prompt } = JSON.parse(body) as { prompt: string };
  const blocks = [{ type: "text" as const, text: prompt }];
  const { cursor } = log.append({ type: "turn.queued", turn: id, source: "person", data: { prompt: blocks } });
  const turn: Turn = { id, session: log.id, state: "queued", cursor };
  log.turns.set(id, turn);
  log.keys.set(key, JSON.stringify(turn));
  log.append({ type: "turn.started", turn: id, source: "daemon", data: {} });
  rules.onPrompt?.(turn);
  return JSON.stringify(turn);
}

export function endTurn(log: LogFixture, turn: Turn, outcome: NonNullable<Turn["outcome"]>): Turn {
  const before = log.turns.get(turn.id) ?? turn;
  if (before.state === "ended") return before;
  const said = log.events.flatMap((event) =>
    event.type === "turn.updated" && event.turn === turn.id
      ? [(event.data.update.content as { text: string }).text]
      : [],
  );
  const ended: Turn = { ...turn, state: "ended", outcome, output: said.join("") };
  log.turns.set(turn.id, ended);
  log.append({ type: "turn.ended", turn: turn.id, source: "agent", data: { outcome } });
  return ended;
}

type Answering = (log: LogFixture, parts: string[], query: URLSearchParams, body: string) => unknown;

const plain: Readonly<Record<string, Answering>> = {
  "GET ": (log) => log.state(),
  "GET asks": (log) => ({ items: log.state().asks }),
  "GET turns": (log, [turn = ""]) => log.turns.get(turn),
  "POST turns": (log, [turn = ""]) => endTurn(log, log.turns.get(turn)!, "cancelled"),
  "POST asks": (log, [id], _query, body) => {
    const ask = log.state().asks.find((one) => one.id === id);
    if (!ask) throw new Fault("ask.settled", { detail: "Somebody was faster." });
    const outcome = body.includes("allow") ? "accepted" : "declined";
    const answered = { ask: ask.id, by: "person", outcome } as const;
    log.append({ type: "turn.answered", turn: ask.turn, source: "person", data: answered });
    return log.state();
  },
};

/** Serves until it is stopped; the same log can be served again, on the same port. */
export async function serveLog(log: LogFixture, rules: WireRules = {}): Promise<WireFixture> {
  const requests: WireFixture["requests"] = [];
  const stopping = new AbortController();
  let open = 0;

  function route(request: IncomingMessage, response: ServerResponse, body: string) {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://any");
    const [, , , id, noun = "", ...parts] = pathname.split("/");
    if (pathname === "/v1/health") {
      return json(response, 200, { status: "ok", version: "0", startedAt: new Date().toISOString(), protocol: 1 });
    }
    if (id !== log.id || log.removed) return refuse(response, new Fault("session.missing", { detail: `No ${id}.` }));
    const after = Number(request.headers["last-event-id"] ?? searchParams.get("after") ?? 0);
    if (noun === "events" && request.headers.accept?.includes("event-stream")) {
      open++;
      response.on("close", () => open--);
      return stream(log, response, after, rules, stopping.signal);
    }
    if (noun === "events") return page(log, response, after, Number(searchParams.get("waitMs") ?? 0));
    if (request.method === "POST" && noun === "turns" && parts.length === 0) {
      const turn = startTurn(log, body, String(request.headers["idempotency-key"]), rules);
      return json(response, 202, JSON.parse(turn));
    }
    json(response, 200, plain[`${request.method} ${noun}`]?.(log, parts, searchParams, body));
  }

  const server = createServer(async (request, response) => {
    let body = "";
    try {
      for await (const chunk of request) body += chunk;
      requests.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
      if (!rules.before?.(request, response, body)) route(request, response, body);
    } catch (error) {
      // The caller hung up in the middle, or is told what was wrong.
      if (!response.headersSent)
        refuse(response, error instanceof Fault ? error : new Fault("internal", { detail: String(error) }));
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(rules.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  return { url: `http://127.0.0.1:${port}`, port, requests, streams: () => open, stop, [Symbol.asyncDispose]: stop };
}
