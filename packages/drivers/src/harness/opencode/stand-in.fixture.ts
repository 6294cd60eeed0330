/** What of an OpenCode server a session talks to, spoken by the test: its requests are written down, its events are said by hand. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Exit, Frame, Server } from "@corral/kernel";
import { makeId } from "@corral/protocol";

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly directory: string;
  readonly body: Frame;
}

interface StandInAnswer {
  readonly status: number;
  readonly body?: unknown;
  /** Instead of a body: words that are no JSON. */
  readonly raw?: string;
  /** It is taken, and not answered. */
  readonly never?: boolean;
}

export interface StandIn extends AsyncDisposable {
  readonly server: Server;
  readonly requests: readonly Request[];
  /** Resolves with the first request that fits, also one that is still to come. */
  asked(method: string, path: RegExp): Promise<Request>;
  /** Says an event of the conversation. */
  say(type: string, properties?: Frame): void;
  /** What is answered instead, by the beginning of a path. */
  readonly answers: Map<string, StandInAnswer>;
  /** Cuts the stream of events. */
  cut(): void;
  die(exit: Partial<Exit>): void;
  readonly closed: () => boolean;
}

export const native = "ses_one";
const quiet: Exit = { stderr: { head: [], tail: [], totalLines: 0, truncated: false } };

const usual: Readonly<Record<string, unknown>> = {
  "POST /session": { id: native },
  "GET /agent": [
    { name: "build", mode: "primary" },
    { name: "plan", mode: "primary" },
    { name: "explore", mode: "subagent" },
  ],
};

async function bodyOf(request: IncomingMessage): Promise<Frame> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text === "" ? {} : JSON.parse(text);
}

/** What is asked is written down, and answered as usual or as the test wants it. */
class Book {
  readonly requests: Request[] = [];
  readonly answers: StandIn["answers"] = new Map();
  readonly streams = new Set<ServerResponse>();
  #wake = Promise.withResolvers<void>();

  async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    if (url === "/global/event" && !this.answers.has("GET /global/event")) {
      this.streams.add(response);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(": hello\n\n");
      return;
    }
    const directory = decodeURIComponent(String(request.headers["x-opencode-directory"] ?? ""));
    this.requests.push({ method, path: url, directory, body: await bodyOf(request) });
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
    const { status, body, never, raw } = this.#answer(method, url);
    if (never) return;
    if (raw !== undefined) return void response.writeHead(status).end(raw);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(status === 204 ? undefined : JSON.stringify(body ?? {}));
  }

  async asked(method: string, path: RegExp): Promise<Request> {
    for (;;) {
      const found = this.requests.find((one) => one.method === method && path.test(one.path));
      if (found) return found;
      await this.#wake.promise;
    }
  }

  say(type: string, properties: Frame): void {
    const told = JSON.stringify({ type, properties: { sessionID: native, ...properties } });
    for (const stream of this.streams) stream.write(`data: {"directory":"/","payload":${told}}\n\n`);
  }

  #answer(method: string, url: string): StandInAnswer {
    const [, wanted] = [...this.answers].find(([beginning]) => `${method} ${url}`.startsWith(beginning)) ?? [];
    const status = url.endsWith("prompt_async") ? 204 : 200;
    return wanted ?? { status, body: usual[`${method} ${url}`] ?? true };
  }
}

export async function standIn(): Promise<StandIn> {
  const book = new Book();
  const exited = Promise.withResolvers<Exit>();
  const gone = new AbortController();
  let closed = false;
  const http = createServer((request, response) => void book.take(request, response));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const stream of book.streams) stream.destroy();
  };
  const die = (exit: Partial<Exit>) => {
    cut();
    exited.resolve({ ...quiet, ...exit });
    gone.abort();
  };
  const { port } = http.address() as AddressInfo;
  const server: Server = {
    url: `http://127.0.0.1:${port}`,
    headers: {},
    pid: 1,
    run: makeId("run", 0, new Uint8Array(16)),
    stdout: () => quiet.stderr,
    exited: exited.promise,
    gone: gone.signal,
    close() {
      closed = true;
      die({ signal: "SIGTERM" });
      return exited.promise;
    },
  };
  return {
    ...{ server, requests: book.requests, answers: book.answers, cut, die, closed: () => closed },
    asked: (method, path) => book.asked(method, path),
    say: (type, properties = {}) => book.say(type, properties),
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
