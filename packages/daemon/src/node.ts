/** Serves the daemon on a socket: the only file that knows Node's HTTP server. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { defaultPort, Fault } from "@corral/protocol";
import { getRequestListener, RequestError } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Daemon } from "./daemon.ts";
import { invalid } from "./issues.ts";
import { isLoopback } from "./origin.ts";
import { problemResponse } from "./problem.ts";
import { type OpenSink, type Reply, sinkLimitBytes } from "./stream.ts";

export interface ServeNeed {
  readonly daemon: Daemon;
  readonly host?: string | undefined;
  /** Zero picks a free one. */
  readonly port?: number | undefined;
}

export interface Served {
  /** Where it can be called from this machine. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Ends streams with their reason, lets answers finish, and cuts whatever is left after five seconds. Idempotent. */
  close(): Promise<void>;
}

const closeMs = 5000;

/** Streams stay open as long as they are wanted; only the request itself has to arrive in time. */
const serverOptions = {
  headersTimeout: 30_000,
  requestTimeout: 120_000,
  keepAliveTimeout: 65_000,
  keepAlive: true,
  // A request without it is refused by the daemon, in the words of all other refusals.
  requireHostHeader: false,
  // Others, such as the offers of HTTP/2 that some clients make, are answered as if they had not been made.
  shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === "websocket",
};

/** Writes a stream to the socket as it is: nothing is copied, and what waits to be sent is counted. */
const openSocketSink =
  (outgoing: ServerResponse): OpenSink =>
  ({ headers, onClose }) => {
    outgoing.on("close", onClose);
    outgoing.on("error", onClose);
    if (outgoing.destroyed) onClose();
    else {
      outgoing.writeHead(200, headers);
      outgoing.flushHeaders();
    }
    const sink = {
      write: (bytes: Uint8Array) => {
        if (!outgoing.destroyed) outgoing.write(bytes);
      },
      get full() {
        return outgoing.writableLength >= sinkLimitBytes;
      },
      onDrain: (call: () => void) => void outgoing.once("drain", call),
      end: () => {
        if (!outgoing.destroyed) outgoing.end();
      },
      drop: () => void outgoing.destroy(),
    };
    return { sink, response: RESPONSE_ALREADY_SENT };
  };

/** Writes a whole answer to the socket, past all streams. */
const replyOnSocket =
  (outgoing: ServerResponse): Reply =>
  (text, { status, headers }) => {
    const bytes = Buffer.from(text);
    if (!outgoing.destroyed) outgoing.writeHead(status, { ...headers, "content-length": bytes.length }).end(bytes);
    return RESPONSE_ALREADY_SENT;
  };

const badRequest = (message: string): Response => problemResponse(invalid([{ in: "header", path: "", message }]));

/** Only what the library refuses before the daemon sees it; the daemon itself answers everything. */
const onLibraryError = (error: unknown): Response =>
  badRequest(error instanceof RequestError ? error.message : "cannot be understood");

/** Answers on a bare socket, and closes it. */
async function writeResponse(socket: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  const headers = [...response.headers, ["content-length", String(body.byteLength)], ["connection", "close"]];
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  if (!socket.writable) return void socket.destroy();
  socket.end(
    Buffer.concat([
      Buffer.from(`HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ""}\r\n${head}\r\n`),
      body,
    ]),
  );
}

function toRequest({ url = "/", headers }: IncomingMessage): Request | undefined {
  try {
    const entries = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value ?? "")]);
    return new Request(new URL(url, `http://${headers.host}`), { headers: entries });
  } catch {
    // A target or a header that no URL or header may have; the caller is told that it is not a request.
    return undefined;
  }
}

/** Names of the machine on its own side of a connection. */
const listeningOn = (host: string, { socket }: IncomingMessage): readonly string[] => [
  host,
  ...(socket.localAddress ? [socket.localAddress.replace(/^::ffff:/, "")] : []),
];

function answerUpgrades(server: Server, daemon: Daemon, host: string): void {
  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex) => {
    socket.on("error", () => socket.destroy());
    const request = toRequest(incoming);
    const response = request
      ? daemon.refuseUpgrade(request, { listening: listeningOn(host, incoming) })
      : badRequest("is not a valid request");
    writeResponse(socket, response).catch(() => socket.destroy());
  });
  server.on("clientError", (error: Error & { code?: string }, socket: Duplex) => {
    if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
    writeResponse(socket, badRequest("is not valid HTTP, or did not arrive in time")).catch(() => socket.destroy());
  });
}

function refuseOpenDoor({ guarded }: Daemon, host: string): void {
  if (guarded || isLoopback(host)) return;
  throw new Fault("config.invalid", {
    detail: `Without a token the daemon does not listen on ${host || "every address"}: whoever reaches it could run programs.`,
    help: "Set a token, or listen on 127.0.0.1.",
  });
}

async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  try {
    server.listen({ host, port });
    await once(server, "listening");
  } catch (cause) {
    const { code = "", message } = cause as NodeJS.ErrnoException;
    const inUse = code === "EADDRINUSE";
    throw new Fault("daemon.listen", {
      detail: inUse ? `Port ${port} of ${host} is in use.` : `${host}:${port} cannot be listened on: ${message}.`,
      help: inUse ? "Stop the other program, or choose another port (0 picks a free one)." : "Check host and port.",
      more: { host, port, code },
      cause,
    });
  }
  return server.address() as AddressInfo;
}

/** An address to call, where the daemon may listen on all of them. */
function callable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::" || host === "") return "[::1]";
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

/** Connections on which nothing was asked yet; browsers open some ahead, and the server does not count them as idle. */
function unusedSockets(server: Server): ReadonlySet<Socket> {
  const unused = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  server.on("request", ({ socket }: IncomingMessage) => unused.delete(socket));
  return unused;
}

function createClose(server: Server, daemon: Daemon): () => Promise<void> {
  let closed: Promise<void> | undefined;
  const unused = unusedSockets(server);
  // A connection that was busy when the server closed would otherwise be kept for its next request.
  server.on("request", ({ socket }: IncomingMessage, outgoing: ServerResponse) => {
    outgoing.once("close", () => {
      if (closed) socket.end();
    });
  });
  const close = async () => {
    const over = once(server, "close");
    server.close();
    for (const socket of unused) socket.destroy();
    daemon.stop();
    const takeBack = daemon.clock.after(closeMs, () => server.closeAllConnections());
    await over;
    takeBack();
  };
  return () => {
    closed ??= close();
    return closed;
  };
}

export async function serve({ daemon, host = "127.0.0.1", port = defaultPort }: ServeNeed): Promise<Served> {
  refuseOpenDoor(daemon, host);
  const listener = getRequestListener(
    (request, { incoming, outgoing }) => {
      const listening = listeningOn(host, incoming as IncomingMessage);
      const socket = outgoing as ServerResponse;
      return daemon.fetch(request, { listening, openSink: openSocketSink(socket), reply: replyOnSocket(socket) });
    },
    { overrideGlobalObjects: false, errorHandler: onLibraryError },
  );
  const server = createServer(serverOptions, listener);
  answerUpgrades(server, daemon, host);
  const address = await listen(server, host, port);
  return {
    url: `http://${callable(host)}:${address.port}`,
    host,
    port: address.port,
    close: createClose(server, daemon),
  };
}
