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

export interface StandIn extends AsyncDisposable {
  readonly server: Server;
  readonly requests: readonly Request[];
  /** Resolves with the first request that fits, also one that is still to come. */
  asked(method: string, path: RegExp): Promise<Request>;
  /** Says an event of the conversation. */
  say(type: string, properties?: Frame): void;
  /** What is answered instead, by the beginning of a path. */
  readonly answers: Map<string, { readonly status: number; readonly body?: unknown }>;
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

export async function standIn(): Promise<StandIn> {
  const requests: Request[] = [];
  const answers: StandIn["answers"] = new Map();
  const streams = new Set<ServerResponse>();
  let wake = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<Exit>();
  let closed = false;
  const http = createServer(async (request, response) => {
    const { method = "", url = "" } = request;
    if (url === "/global/event") {
      streams.add(response);
      response.writeHead(200, { "content-type": "text/event-stream" });
      return void response.write('data: {"payload":{"type":"server.connected","properties":{}}}\n\n');
    }
    const directory = decodeURIComponent(String(request.headers["x-opencode-directory"] ?? ""));
    requests.push({ method, path: url, directory, body: await bodyOf(request) });
    wake.resolve();
    wake = Promise.withResolvers();
    const [, other] = [...answers].find(([beginning]) => `${method} ${url}`.startsWith(beginning)) ?? [];
    const answer = other ?? {
      status: url.endsWith("prompt_async") ? 204 : 200,
      body: usual[`${method} ${url}`] ?? true,
    };
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(answer.status === 204 ? undefined : JSON.stringify(answer.body ?? {}));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const stream of streams) stream.destroy();
  };
  const die = (exit: Partial<Exit>) => {
    cut();
    exited.resolve({ ...quiet, ...exit });
  };
  const { port } = http.address() as AddressInfo;
  const server: Server = {
    url: `http://127.0.0.1:${port}`,
    headers: {},
    pid: 1,
    run: makeId("run", 0, new Uint8Array(16)),
    stdout: () => quiet.stderr,
    exited: exited.promise,
    close() {
      closed = true;
      die({ signal: "SIGTERM" });
      return exited.promise;
    },
  };
  return {
    ...{ server, requests, answers, cut, die, closed: () => closed },
    async asked(method, path) {
      for (;;) {
        const found = requests.find((one) => one.method === method && path.test(one.path));
        if (found) return found;
        await wake.promise;
      }
    },
    say(type, properties = {}) {
      const told = { directory: "/", payload: { type, properties: { sessionID: native, ...properties } } };
      for (const stream of streams) stream.write(`data: ${JSON.stringify(told)}\n\n`);
    },
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
