/** The door of every operation: path, query, headers and body are parsed here, once, by the schemas of the contract. */
import type { Operation } from "@corral/protocol";
import { readJson } from "./body.ts";
import type { Call } from "./call.ts";
import type { Circumstances } from "./handlers/handler.ts";
import { invalid, parseShape } from "./issues.ts";

export interface RequestParts {
  readonly call: Call;
  /** The parameters of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly maxBodyBytes: number;
}

export interface ParsedRequest extends Pick<Circumstances, "keyed"> {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

function readKey({ headers }: Call): Circumstances["keyed"] {
  const key = headers.get("idempotency-key");
  if (key === null) return {};
  if (/^[\x21-\x7e]{1,200}$/.test(key)) return { key };
  throw invalid([
    { in: "header", path: "Idempotency-Key", message: "must be 1 to 200 visible ASCII characters without spaces" },
  ]);
}

/** A browser that reconnects says by this header what it saw last; that is newer than the address it was given. */
function lastEventId({ headers }: Call): { after?: string } {
  const id = headers.get("last-event-id");
  if (id === null) return {};
  if (/^\d{1,15}$/.test(id)) return { after: id };
  throw invalid([{ in: "header", path: "Last-Event-ID", message: "must be the cursor of an event" }]);
}

function readQuery(one: Operation, call: Call): unknown {
  if (!one.query) return undefined;
  const given = Object.fromEntries(call.url.searchParams);
  return parseShape("query", one.query, one.follows ? { ...given, ...lastEventId(call) } : given);
}

async function readBody(one: Operation, { call, maxBodyBytes }: RequestParts): Promise<unknown> {
  return one.body && parseShape("body", one.body, await readJson(call, maxBodyBytes));
}

export async function readRequest(one: Operation, parts: RequestParts): Promise<ParsedRequest> {
  const params = one.params && parseShape("path", one.params, parts.params);
  const query = readQuery(one, parts.call);
  const keyed = one.idempotent ? readKey(parts.call) : {};
  return { params, query, body: await readBody(one, parts), keyed };
}
