/** Reads a request's JSON body: of a bounded length, of one media type, well-formed and not absurdly deep. */
import type { Clock } from "@corral/kernel";
import { deepestJson, depthOf, Fault } from "@corral/protocol";
import { HungUp } from "./exchange.ts";
import { invalid } from "./issues.ts";

export const usualMaxBodyBytes = 16 * 1024 * 1024;

const lingerMs = 1000;
const lingerBytes = 64 * 1024 * 1024;

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/** A body beyond the limit, with the rest of it still to come. */
export class TooLarge {
  readonly fault: Fault;
  readonly rest: Reader | undefined;

  constructor(maxBytes: number, rest: Reader | undefined) {
    this.rest = rest;
    this.fault = new Fault("request.too_large", {
      detail: `The body is larger than ${maxBytes} bytes.`,
      help: "Send less, or raise the daemon's body limit.",
      more: { maxBytes },
    });
  }
}

async function readChunk(reader: Reader): Promise<Uint8Array | undefined> {
  try {
    const { value, done } = await reader.read();
    return done ? undefined : value;
  } catch (cause) {
    throw new HungUp("The caller hung up before the body was whole.", { cause });
  }
}

/** A body of known length is taken whole, which costs a fraction of reading it as a stream. */
async function readWhole(request: Request): Promise<Uint8Array> {
  try {
    return new Uint8Array(await request.arrayBuffer());
  } catch (cause) {
    throw new HungUp("The caller hung up before the body was whole.", { cause });
  }
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array | TooLarge> {
  const declared = request.headers.get("content-length");
  if (declared !== null && /^\d+$/.test(declared) && Number(declared) <= maxBytes) {
    const bytes = await readWhole(request);
    // A server holds its callers to the length that they declare; whoever calls without one may declare anything.
    return bytes.byteLength > maxBytes ? new TooLarge(maxBytes, undefined) : bytes;
  }
  const reader: Reader | undefined = request.body?.getReader();
  if (!reader) return new Uint8Array();
  if (declared !== null) return new TooLarge(maxBytes, reader);
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (let chunk = await readChunk(reader); chunk; chunk = await readChunk(reader)) {
    total += chunk.byteLength;
    if (total > maxBytes) return new TooLarge(maxBytes, reader);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, total);
}

const mediaFault = (detail: string): Fault =>
  new Fault("request.media_type", { detail, help: "Send JSON with `Content-Type: application/json`." });

/** Refuses what is not JSON by its own account; says whether it gave an account at all. */
function checkMediaType({ headers }: Request): boolean {
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding.trim().toLowerCase() !== "identity") throw mediaFault(`Bodies encoded as ${encoding} are not taken.`);
  const given = headers.get("content-type");
  if (given === null) return false;
  const [type = "", ...parameters] = given.split(";").map((part) => part.trim().toLowerCase());
  if (type !== "application/json") throw mediaFault(`The body's media type is ${type || "empty"}.`);
  const charset = parameters.find((part) => part.startsWith("charset="))?.slice("charset=".length);
  if (charset !== undefined && !/^"?utf-?8"?$/.test(charset)) throw mediaFault(`The body's charset is ${charset}.`);
  return true;
}

function malformed(detail: string, more?: Readonly<Record<string, unknown>>): Fault {
  return new Fault("request.malformed", { detail, help: "Send one JSON value in UTF-8.", ...(more ? { more } : {}) });
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed("The body is not valid UTF-8.");
  }
}

/** The engine quotes the text around the error, which may hold a secret; only the place is passed on. */
function whereItBroke(error: unknown, text: string): Fault {
  const message = error instanceof Error ? error.message : "";
  const position = /end of JSON/.test(message)
    ? text.length
    : Number(/position (\d+)/.exec(message)?.[1] ?? Number.NaN);
  if (Number.isNaN(position)) return malformed("The body is not JSON.");
  const before = text.slice(0, position).split("\n");
  const [line, column] = [before.length, (before.at(-1) ?? "").length + 1];
  return malformed(`The body stops being JSON at line ${line}, column ${column}.`, { position, line, column });
}

function parse(text: string): unknown {
  if (depthOf(text) > deepestJson) {
    throw invalid([{ in: "body", path: "", message: `nested deeper than ${deepestJson} levels` }]);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw whereItBroke(error, text);
  }
}

/** The body as JSON. An empty body is an empty object: an operation whose fields are all optional needs none. */
export async function readJson(request: Request, maxBytes: number): Promise<{ readonly json: unknown } | TooLarge> {
  const declared = checkMediaType(request);
  const bytes = await readBytes(request, maxBytes);
  if (bytes instanceof TooLarge) return bytes;
  if (bytes.byteLength === 0) return { json: {} };
  if (!declared) throw mediaFault("The body has no media type.");
  return { json: parse(decode(bytes)) };
}

/** Reads and forgets what still comes, for a while: a connection closed with unread bytes would take the answer with it. */
async function drain(rest: Reader, clock: Clock): Promise<void> {
  let over = false;
  const giveUp = () => {
    over = true;
    rest.cancel().catch(() => undefined); // The caller is gone already, which is as good.
  };
  const takeBack = clock.after(lingerMs, giveUp);
  try {
    for (let bytes = 0; !over; ) {
      const chunk = await readChunk(rest);
      if (!chunk) return;
      bytes += chunk.byteLength;
      if (bytes > lingerBytes) giveUp();
    }
  } catch (error) {
    if (!(error instanceof HungUp)) throw error;
  } finally {
    takeBack();
  }
}

/** The refusal is whole at once; the answer only ends when the rest of the body is out of the way. */
export async function lingering(refusal: Response, { rest }: TooLarge, clock: Clock): Promise<Response> {
  if (!rest) return refusal;
  const bytes = new Uint8Array(await refusal.arrayBuffer());
  const headers = new Headers(refusal.headers);
  headers.set("content-length", String(bytes.byteLength));
  headers.set("connection", "close");
  let wanted = true;
  const body = new ReadableStream<Uint8Array>({
    async start(answer) {
      answer.enqueue(bytes);
      await drain(rest, clock);
      if (wanted) answer.close();
    },
    cancel: () => {
      wanted = false;
    },
  });
  return new Response(body, { status: refusal.status, headers });
}
