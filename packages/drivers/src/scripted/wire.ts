/** Newline-delimited JSON-RPC 2.0 on two streams, written by hand because the scripted harness must be able to break it. */
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { isRecord, type JsonObject } from "./json.ts";
import { orAbort } from "./or-abort.ts";
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
  /** Closes both streams; whoever is at the other end hears nothing more and is heard no more. */
  hangUp(): void;
  /** Resolves when everything written is out, or nobody reads it any more. */
  flushed(): Promise<void>;
}

export function createWire({ input, output }: { input: Readable; output: Writable }): Wire {
  const broken = new AbortController();
  // The client is gone: an end of the conversation, not an error.
  for (const stream of [input, output]) stream.on("error", () => broken.abort());
  const outlet = createOutlet(output, broken.signal);
  const send: Send = (frame) => outlet.line(JSON.stringify({ jsonrpc: "2.0", ...frame }));
  const questions = createQuestions(send);
  return {
    ...outlet,
    notify: (method, params) => send({ method, params }),
    request: questions.request,
    hangUp() {
      input.destroy();
      output.end();
    },
    async serve(served) {
      const split = lineSplitter((text) => void take(parseFrame(text), { served, send, settle: questions.settle }));
      input.on("data", split);
      await once(input, "end", { signal: broken.signal }).catch(ignoreAbort);
      input.off("data", split);
    },
  };
}

type Send = (frame: JsonObject) => Promise<void>;

/** Writes lines no faster than they are read. */
function createOutlet(output: Writable, broken: AbortSignal): Pick<Wire, "line" | "flushed"> {
  let draining: Promise<void> | undefined;
  const drained = async (): Promise<void> => {
    await once(output, "drain", { signal: broken }).catch(ignoreAbort);
    draining = undefined;
  };
  /** What is said in one breath is written in one go. */
  const gather = (): void => {
    if (output.writableCorked > 0) return;
    output.cork();
    process.nextTick(() => output.uncork());
  };
  return {
    async line(text) {
      gather();
      if (broken.aborted || output.write(`${text}\n`)) return;
      draining ??= drained(); // One wait for everybody who writes.
      await draining;
    },
    flushed: () =>
      new Promise((resolve) => {
        if (broken.aborted) return resolve();
        broken.addEventListener("abort", () => resolve(), { once: true });
        output.write("", () => resolve());
      }),
  };
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: RpcError) => void;
}

/** What the harness asks the client, each question under a number of its own. */
function createQuestions(send: Send): Pick<Wire, "request"> & { settle(answer: JsonObject): void } {
  let lastId = -1;
  const waiting = new Map<unknown, Waiting>();
  return {
    async request(method, params, { signal, repeat = false }) {
      signal.throwIfAborted();
      const id = ++lastId;
      const answer = new Promise((resolve, reject) => void waiting.set(id, { resolve, reject }));
      for (let i = 0; i < (repeat ? 2 : 1); i++) void send({ id, method, params });
      return orAbort(answer, signal).finally(() => waiting.delete(id));
    },
    settle({ id, result, error }) {
      const asked = waiting.get(id); // None for a second answer, or when the question was given up.
      if (error === undefined) asked?.resolve(result);
      else asked?.reject(RpcError.read(error));
    },
  };
}

interface Taker {
  readonly served: Served;
  readonly send: Send;
  readonly settle: (answer: JsonObject) => void;
}

/** Deals with one line of the client. */
async function take(frame: JsonObject | undefined, { served, send, settle }: Taker): Promise<void> {
  const refuse = (code: number, message: string) => send({ id: frame?.id ?? null, error: { code, message } });
  if (frame === undefined) return refuse(codes.parse, "The line is not JSON");
  const { id, method, params = {} } = frame;
  if (typeof method === "string") {
    if (id === undefined) return served.notice(method, isRecord(params) ? params : {});
    if (!isRecord(params)) return refuse(codes.invalidParams, "params must be an object");
    return respond(id, served.answer(method, params), send);
  }
  if (id === undefined || !("result" in frame || "error" in frame)) {
    return refuse(codes.invalidRequest, "Not a JSON-RPC 2.0 message");
  }
  settle(frame);
}

async function respond(id: unknown, answering: Promise<Answer>, send: Send): Promise<void> {
  const answer = await answering.catch(RpcError.from);
  if (answer instanceof RpcError) return send({ id, error: answer.toWire() });
  for (let i = 0; i < (answer.times ?? 1); i++) await send({ id, result: answer.result });
  await answer.afterwards?.();
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
