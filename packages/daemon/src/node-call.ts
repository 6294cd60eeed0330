/** A request on one of Node's sockets, as the daemon reads it: nothing of it is made before somebody asks. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Call } from "./call.ts";

/** As they were sent: Node itself would keep only the first of a repeated Host or Authorization. */
function readHeaders({ rawHeaders }: IncomingMessage): Call["headers"] {
  const headers = new Map<string, string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name, value] = [(rawHeaders[at] ?? "").toLowerCase(), rawHeaders[at + 1] ?? ""];
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { get: (name) => headers.get(name) ?? null, has: (name) => headers.has(name) };
}

/** The address that a request line names: a path, or the whole of it as proxies are sent. A backslash would become a slash. */
function readTarget(target = ""): URL | undefined {
  if (/^[^?#]*\\/.test(target)) return undefined;
  if (target.startsWith("/")) return URL.parse(`http://localhost${target}`) ?? undefined;
  return /^https?:\/\//i.test(target) ? (URL.parse(target) ?? undefined) : undefined;
}

function whole(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>();
  const chunks: Buffer[] = [];
  let total = 0;
  const leave = () => reject(new Error("The connection closed before the body was whole."));
  const settle = (bytes?: Uint8Array) => {
    incoming.off("data", take).off("end", end).off("close", leave);
    resolve(bytes);
  };
  const end = () => settle(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
  const take = (chunk: Buffer) => {
    total += chunk.byteLength;
    if (total <= maxBytes) return void chunks.push(chunk);
    // The rest flows by: whoever refuses it still has an answer to give on this connection, and bounds what may come.
    settle();
  };
  if (incoming.destroyed) leave();
  incoming.on("data", take).on("end", end).on("close", leave).on("error", reject);
  return promise;
}

class NodeCall implements Call {
  readonly method: string;
  readonly url: URL;
  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse | undefined;
  #headers: Call["headers"] | undefined;
  #signal: AbortSignal | undefined;

  constructor(url: URL, incoming: IncomingMessage, outgoing: ServerResponse | undefined) {
    this.url = url;
    this.method = incoming.method ?? "GET";
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  get headers(): Call["headers"] {
    this.#headers ??= readHeaders(this.#incoming);
    return this.#headers;
  }

  get signal(): AbortSignal {
    this.#signal ??= this.#untilClosed();
    return this.#signal;
  }

  bytes(maxBytes: number): Promise<Uint8Array | undefined> {
    return whole(this.#incoming, maxBytes);
  }

  #untilClosed(): AbortSignal {
    const left = new AbortController();
    const outgoing = this.#outgoing;
    if (outgoing?.destroyed && !outgoing.writableFinished) left.abort();
    else
      outgoing?.once("close", () => {
        if (!outgoing.writableFinished) left.abort();
      });
    return left.signal;
  }
}

/** What is wrong with a request that no call can be made of. */
export interface NotACall {
  readonly refused: string;
}

/** Without an answer to write to, as for an upgrade, nobody can hang up. */
export function nodeCall(incoming: IncomingMessage, outgoing?: ServerResponse): Call | NotACall {
  if (!incoming.headers.host) return { refused: "has no Host" };
  const url = readTarget(incoming.url);
  return url === undefined ? { refused: "names no path" } : new NodeCall(url, incoming, outgoing);
}
