/** Serves the daemon on a socket, with Node's HTTP server. */
import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "@corral/kernel";
import { defaultPort, Fault } from "@corral/protocol";
import type { Whole } from "./call.ts";
import type { Daemon } from "./daemon.ts";
import { invalid } from "./issues.ts";
import { nodeCall } from "./node-call.ts";
import { letPass, nodeOutlet } from "./node-outlet.ts";
import { isLoopback } from "./origin.ts";
import { problemOf } from "./problem.ts";

/**
 * Not imported: an import copies all that a built-in module exports, and among what this one exports is `WebSocket`,
 * which loads the whole of Node's web client, for a fifth of the time that the daemon takes to start.
 */
const http = () => process.getBuiltinModule("node:http");

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

const badRequest = (message: string): Whole => problemOf(invalid([{ in: "header", path: "", message }]));

/** Answers on a bare socket, and closes it. */
function writeOn(socket: Duplex, { status, headers, text = "" }: Whole, clock: Clock): void {
  if (!socket.writable) return void socket.destroy();
  socket.once("close", letPass(socket, socket, clock));
  const whole = { ...headers, "content-length": String(Buffer.byteLength(text)), connection: "close" };
  const head = Object.entries(whole).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${http().STATUS_CODES[status] ?? ""}\r\n${head.join("")}\r\n${text}`);
}

/** Names of the machine on its own side of a connection. */
const listeningOn = (host: string, { socket }: IncomingMessage): readonly string[] => [
  host,
  ...(socket.localAddress ? [socket.localAddress.replace(/^::ffff:/, "")] : []),
];

function answerRequests(server: Server, daemon: Daemon, host: string): void {
  server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const outlet = nodeOutlet(incoming, outgoing, daemon.clock);
    const call = nodeCall(incoming, outgoing);
    if ("refused" in call) outlet.reply(badRequest(call.refused));
    // Only what cannot be written is not answered, and who waits for that is better cut.
    else daemon.answer(call, outlet, { listening: listeningOn(host, incoming) }).catch(() => outgoing.destroy());
  });
}

function answerUpgrades(server: Server, daemon: Daemon, host: string): void {
  const { clock } = daemon;
  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex) => {
    socket.on("error", () => socket.destroy());
    const call = nodeCall(incoming);
    if ("refused" in call) writeOn(socket, badRequest(call.refused), clock);
    else writeOn(socket, daemon.refuseUpgrade(call, { listening: listeningOn(host, incoming) }), clock);
  });
  server.on("clientError", (error: Error & { code?: string }, socket: Duplex) => {
    if (error.code === "ECONNRESET") socket.destroy();
    else writeOn(socket, badRequest("is not valid HTTP, or did not arrive in time"), clock);
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

interface Sockets {
  /** The server itself forgets those that were to be upgraded. */
  readonly all: ReadonlySet<Socket>;
  /** Nothing was asked on them yet; browsers open some ahead, and the server does not count them as idle. */
  readonly unused: ReadonlySet<Socket>;
}

function watchSockets(server: Server): Sockets {
  const [all, unused] = [new Set<Socket>(), new Set<Socket>()];
  server.on("connection", (socket: Socket) => {
    for (const set of [all, unused]) set.add(socket);
    socket.once("close", () => {
      for (const set of [all, unused]) set.delete(socket);
    });
  });
  server.on("request", ({ socket }: IncomingMessage) => unused.delete(socket));
  return { all, unused };
}

function createClose(server: Server, daemon: Daemon): () => Promise<void> {
  let closed: Promise<void> | undefined;
  const { all, unused } = watchSockets(server);
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
    const takeBack = daemon.clock.after(closeMs, () => {
      for (const socket of all) socket.destroy();
    });
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
  const server = http().createServer(serverOptions);
  answerRequests(server, daemon, host);
  answerUpgrades(server, daemon, host);
  const address = await listen(server, host, port);
  return {
    url: `http://${callable(host)}:${address.port}`,
    host,
    port: address.port,
    close: createClose(server, daemon),
  };
}
