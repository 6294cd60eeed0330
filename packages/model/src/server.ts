/** The scripted model server: any harness can be pointed at it, and it answers from a story instead of a model. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { Fault } from "@corral/protocol";
import type { ModelClock } from "./clock.ts";
import { isoNow, openExchange, type Stage } from "./exchange.ts";
import { handle } from "./handle.ts";
import { type Call, createJournal } from "./journal.ts";
import { sendJson } from "./send.ts";
import { createChooser } from "./story/choose.ts";
import { checkStory } from "./story/story.ts";
import type { WrittenStory } from "./story/story-shape.ts";

export interface ModelOptions {
  readonly clock: ModelClock;
  /** Absent means that only the directives in prompts are played. */
  readonly story?: WrittenStory;
  /** 0, the default, picks a free one. */
  readonly port?: number;
}

export interface Model {
  readonly url: string;
  readonly port: number;
  journal(): readonly Call[];
  /** Empties the journal and begins the story's counting anew. */
  reset(): void;
  setStory(story: WrittenStory): void;
  /** Ends every connection, also those that hang. */
  close(): Promise<void>;
}

const address = (request: IncomingMessage): URL =>
  URL.parse(request.url ?? "/", "http://model") ?? new URL("http://model/");

/** Codex tries a WebSocket first and falls back when it is told that there is none. */
function refuseUpgrade({ journal, clock }: Stage, request: IncomingMessage, socket: Duplex): void {
  const at = isoNow(clock);
  const first = { at, method: request.method ?? "GET", path: address(request).pathname };
  journal.open(first)({ status: 426, endedAt: at });
  socket.on("error", () => socket.destroy());
  socket.end("HTTP/1.1 426 Upgrade Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
}

function answerJournal(
  journal: Pick<Model, "journal" | "reset">,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  request.resume();
  if (request.method === "DELETE") {
    journal.reset();
    response.writeHead(204).end();
  } else if (request.method === "GET") sendJson(response, 200, journal.journal());
  else sendJson(response, 405, { error: { message: "The journal takes GET and DELETE" } }, { allow: "GET, DELETE" });
}

async function answer(stage: Stage, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const exchange = openExchange({ stage, request, response, address: address(request) });
  try {
    await handle(exchange, "anthropic-version" in request.headers);
  } catch (error) {
    // A caller that left in the middle of its request broke it off, not us.
    if (exchange.gone.aborted || request.destroyed) return;
    const message = error instanceof Error ? error.message : String(error);
    if (response.headersSent) response.destroy();
    else sendJson(response, 500, { error: { message, type: "server_error", code: "internal" } });
  }
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    throw new Fault("config.invalid", {
      detail: `The model server cannot listen on port ${port} (${error instanceof Error ? error.message : String(error)})`,
      help: "Name another port, or 0 for a free one.",
      cause: error,
    });
  }
  return (server.address() as AddressInfo).port;
}

/** Resolves when every connection is closed and the journal has heard of it. */
async function close(server: Server, open: ReadonlySet<ServerResponse>): Promise<void> {
  const ends = [...open].map((response) => once(response, "close"));
  const { promise, resolve } = Promise.withResolvers<void>();
  // The one error of close is that it is closed already.
  server.close(() => resolve());
  server.closeAllConnections();
  await Promise.all([promise, ...ends]);
}

function play(written: WrittenStory): ReturnType<Stage["now"]> {
  const story = checkStory(written, "the story");
  return { chooser: createChooser(story), models: story.models };
}

/** Listens on loopback only. */
export async function startModel({ clock, story = {}, port = 0 }: ModelOptions): Promise<Model> {
  let written = story;
  let playing = play(written);
  let replies = 0;
  const journal = createJournal();
  const begunAt = clock.now().toString(36);
  const stage: Stage = { clock, journal, now: () => playing, nextId: () => `${begunAt}${(++replies).toString(36)}` };
  const setStory = (next: WrittenStory) => {
    playing = play(next);
    written = next;
  };
  const reset = () => {
    journal.clear();
    playing = play(written);
  };
  const told = { journal: journal.calls, reset };
  const open = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    open.add(response);
    response.once("close", () => open.delete(response));
    if (address(request).pathname === "/__journal") answerJournal(told, request, response);
    else void answer(stage, request, response);
  });
  server.on("upgrade", (request, socket) => refuseUpgrade(stage, request, socket));
  const bound = await listen(server, port);
  return { url: `http://127.0.0.1:${bound}`, port: bound, ...told, setStory, close: () => close(server, open) };
}
