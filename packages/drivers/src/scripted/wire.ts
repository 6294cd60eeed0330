/** Newline-delimited JSON-RPC 2.0 on two streams, written by hand because the scripted harness must be able to break it. */
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { isRecord, type JsonObject } from "./json.ts";
import { codes, RpcError } from "./rpc-error.ts";

export interface Answer {
  readonly result: JsonObject;
  /** Answers the request that many times; anything but one breaks the protocol. */
  readonly times?: number;
  /** What is to be done once the answer is out. */
  readonly afterwards?: () => unknown;
}

export interface Served {
  answer(method: string, params: JsonObject): Promise<Answer>;
  notice(method: string, params: JsonObject): void;
}

export interface Wire {
  /** Writes one line as it is; resolves when the reader keeps up. */
  line(text: string): Promise<void>;
  notify(method: string, params: JsonObject): Promise<void>;
  /** `repeat` sends the request twice under one id, which breaks the protocol. */
  request(method: string, params: JsonObject, options: { signal: AbortSignal; repeat?: boolean }): Promise<unknown>;
  /** Reads requests until the input ends or nobody reads the output any more. */
  serve(served: Served): Promise<void>;
  /** Resolves when everything written is out, or nobody reads it any more. */
  flushed(): Promise<void>;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: RpcError) => void;
}

export function createWire({ input, output }: { input: Readable; output: Writable }): Wire {
  let lastId = -1;
  const waiting = new Map<unknown, Waiting>();
  const broken = new AbortController();
  // The client is gone: an end of the conversation, not an error.
  for (const stream of [input, output]) stream.on("error", () => broken.abort());
  let draining: Promise<unknown> | undefined;

  async function line(text: string): Promise<void> {
    if (broken.signal.aborted || output.write(`${text}\n`)) return;
    draining ??= once(output, "drain", { signal: broken.signal })
      .catch(ignoreAbort)
      .finally(() => {
        draining = undefined;
      });
    await draining;
  }
  const send = (frame: JsonObject): Promise<void> => line(JSON.stringify({ jsonrpc: "2.0", ...frame }));

  const settle = (frame: JsonObject): void => {
    const asked = waiting.get(frame.id);
    if (!asked) return; // An answer to a request that was given up, or a second one to the same request.
    waiting.delete(frame.id);
    if (frame.error === undefined) asked.resolve(frame.result);
    else asked.reject(RpcError.read(frame.error));
  };

  async function respond(served: Served, id: unknown, method: string, params: JsonObject): Promise<void> {
    const answer = await served.answer(method, params).catch(RpcError.from);
    if (answer instanceof RpcError) return send({ id, error: answer.toWire() });
    for (let i = 0; i < (answer.times ?? 1); i++) await send({ id, result: answer.result });
    await answer.afterwards?.();
  }

  async function take(served: Served, text: string): Promise<void> {
    const frame = parseFrame(text);
    if (frame === undefined) return send({ id: null, error: { code: codes.parse, message: "The line is not JSON" } });
    const { id, method, params = {} } = frame;
    if (typeof method !== "string") {
      if (id !== undefined && ("result" in frame || "error" in frame)) return settle(frame);
      return send({ id: id ?? null, error: { code: codes.invalidRequest, message: "Not a JSON-RPC 2.0 message" } });
    }
    if (!isRecord(params)) {
      return send({ id: id ?? null, error: { code: codes.invalidParams, message: "params must be an object" } });
    }
    if (id === undefined) served.notice(method, params);
    else await respond(served, id, method, params);
  }

  return {
    line,
    notify: (method, params) => send({ method, params }),
    request(method, params, { signal, repeat = false }) {
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const onAbort = () => {
          waiting.delete(id);
          reject(signal.reason);
        };
        signal.addEventListener("abort", onAbort, { once: true });
        const without =
          <Value>(settle: (value: Value) => void) =>
          (value: Value) => {
            signal.removeEventListener("abort", onAbort);
            settle(value);
          };
        waiting.set(id, { resolve: without(resolve), reject: without(reject) });
        for (let i = 0; i < (repeat ? 2 : 1); i++) void send({ id, method, params });
      });
    },
    async serve(served) {
      const split = lineSplitter((text) => void take(served, text));
      input.on("data", split);
      await once(input, "end", { signal: broken.signal }).catch(ignoreAbort);
      input.off("data", split);
    },
    flushed: () =>
      new Promise((resolve) => {
        if (broken.signal.aborted) return resolve();
        broken.signal.addEventListener("abort", () => resolve(), { once: true });
        output.write("", () => resolve());
      }),
  };
}

function ignoreAbort(error: unknown): void {
  // Only the abort that says "nobody reads any more" may pass here.
  if (!(error instanceof Error && error.name === "AbortError")) throw error;
}

function parseFrame(text: string): JsonObject | undefined {
  try {
    const frame: unknown = JSON.parse(text);
    return isRecord(frame) ? frame : {};
  } catch {
    return undefined; // Said to the sender by the caller.
  }
}

/** Cuts at line feeds alone: readline would also cut at the separators U+2028 and U+2029 inside JSON texts. */
function lineSplitter(take: (line: string) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  return (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const text = Buffer.concat([...parts, chunk.subarray(start, end)]).toString();
      parts = [];
      start = end + 1;
      if (text.trim() !== "") take(text);
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  };
}
