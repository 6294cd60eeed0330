/** JSON-RPC with a frame in each line, as ACP and MCP have it over stdio: asks and answers over one pair of streams. */
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

export type Json = Readonly<Record<string, unknown>>;

export const record = (thing: unknown): Json =>
  typeof thing === "object" && thing !== null && !Array.isArray(thing) ? (thing as Json) : {};
export const records = (thing: unknown): readonly Json[] => (Array.isArray(thing) ? thing.map(record) : []);

/** An error that goes over the wire. */
export class WireError extends Error {
  readonly code: number;
  readonly more: unknown;

  constructor(code: number, message: string, more?: unknown) {
    super(message);
    this.code = code;
    this.more = more;
  }
}

export interface WireNeed {
  readonly input: Readable;
  readonly output: Writable;
  /** Answers a request of the other side. */
  readonly serve: (method: string, params: Json) => unknown;
  readonly hear: (method: string, params: Json) => void;
  /** An answer to this method was written, as this line. */
  readonly answered?: (method: string, line: string) => void;
}

export interface Wire {
  request(method: string, params: Json): Promise<Json>;
  notify(method: string, params: Json): void;
  line(text: string): void;
  /** Resolves when the other side says no more. */
  readonly ended: Promise<void>;
}

interface Waiting {
  readonly resolve: (result: Json) => void;
  readonly reject: (error: Error) => void;
}

export function openWire({ input, output, serve, hear, answered }: WireNeed): Wire {
  const waiting = new Map<unknown, Waiting>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  let lastId = 0;
  // Whoever reads no more is told nothing more.
  output.on("error", () => end());
  const line = (text: string) => void output.write(`${text}\n`);
  const send = (frame: Json) => line(JSON.stringify({ jsonrpc: "2.0", ...frame }));

  async function answer(id: unknown, method: string, params: Json): Promise<void> {
    let frame: Json;
    try {
      frame = { id, result: (await serve(method, params)) ?? null };
    } catch (error) {
      frame = { id, error: errorFrame(error) };
    }
    send(frame);
    answered?.(method, JSON.stringify({ jsonrpc: "2.0", ...frame }));
  }

  function settle({ id, result, error }: Json): void {
    const asked = waiting.get(id);
    waiting.delete(id);
    const { code, message } = record(error);
    if (error === undefined) asked?.resolve(record(result));
    else asked?.reject(new WireError(Number(code), String(message)));
  }

  function take(text: string): void {
    const frame = record(JSON.parse(text));
    const { id, method, params } = frame;
    if (typeof method !== "string") settle(frame);
    else if (id === undefined) hear(method, record(params));
    else void answer(id, method, record(params));
  }

  const lines = createInterface({ input });
  lines.on("line", (text) => {
    if (text.trim() !== "") take(text);
  });
  lines.once("close", () => end());

  return {
    line,
    ended,
    notify: (method, params) => send({ method, params }),
    request(method, params) {
      const id = ++lastId;
      const { promise, resolve, reject } = Promise.withResolvers<Json>();
      waiting.set(id, { resolve, reject });
      send({ id, method, params });
      return promise;
    },
  };
}

function errorFrame(error: unknown): Json {
  if (!(error instanceof WireError)) return { code: -32603, message: String(error) };
  const { code, message, more } = error;
  return { code, message, ...(more === undefined ? {} : { data: more }) };
}
