/** Reads a request's JSON body: of a bounded length, of one media type, well-formed and not absurdly deep. */
import { deepestJson, depthOf, Fault } from "@corral/protocol";
import type { Call } from "./call.ts";
import { HungUp } from "./exchange.ts";
import { invalid } from "./issues.ts";

export const usualMaxBodyBytes = 16 * 1024 * 1024;

const tooLarge = (maxBytes: number): Fault =>
  new Fault("request.too_large", {
    detail: `The body is larger than ${maxBytes} bytes.`,
    help: "Send less, or raise the daemon's body limit.",
    more: { maxBytes },
  });

async function readWhole(call: Call, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    return await call.bytes(maxBytes);
  } catch (cause) {
    throw new HungUp("The caller hung up before the body was whole.", { cause });
  }
}

async function readBytes(call: Call, maxBytes: number): Promise<Uint8Array> {
  // What says that it is too long is not waited for; what says anything else is counted all the same.
  const declared = Number(call.headers.get("content-length") ?? 0);
  const bytes = declared > maxBytes ? undefined : await readWhole(call, maxBytes);
  if (bytes === undefined) throw tooLarge(maxBytes);
  return bytes;
}

const mediaFault = (detail: string): Fault =>
  new Fault("request.media_type", { detail, help: "Send JSON with `Content-Type: application/json`." });

/** Refuses what is not JSON by its own account; says whether it gave an account at all. */
function checkMediaType({ headers }: Call): boolean {
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
export async function readJson(call: Call, maxBytes: number): Promise<unknown> {
  const declared = checkMediaType(call);
  const bytes = await readBytes(call, maxBytes);
  if (bytes.byteLength === 0) return {};
  if (!declared) throw mediaFault("The body has no media type.");
  return parse(decode(bytes));
}
