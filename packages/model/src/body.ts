/** Reads the body of a request, or says what is wrong with it. */
import type { IncomingMessage } from "node:http";
import { isRecord, type JsonObject } from "./json.ts";
import type { Refusal } from "./reply.ts";

/** Images are sent inline; more than this is a mistake. */
const limitBytes = 64 * 1024 * 1024;

export type Body = { readonly json: JsonObject } | { readonly refusal: Refusal };

const refused = (status: number, message: string): Body => ({ refusal: { status, message } });

function parsed(text: string): Body {
  try {
    const json: unknown = JSON.parse(text);
    return isRecord(json) ? { json } : refused(400, "The body is no JSON object");
  } catch (error) {
    return refused(400, `The body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export async function readBody(request: IncomingMessage): Promise<Body> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    // Too large a body is read to its end all the same: who is still sending does not listen.
    if (bytes <= limitBytes) parts.push(part);
  }
  if (bytes > limitBytes) return refused(413, `The body is larger than ${limitBytes} bytes`);
  return parsed(Buffer.concat(parts).toString("utf8"));
}
