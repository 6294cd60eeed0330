/** The port of a dialect: a provider's wire, read into common words and written from them. */
import type { JsonObject } from "../json.ts";
import type { Frame, ModelReply, Refusal } from "../reply.ts";
import type { DialectId, ModelRequest } from "../request.ts";

/** What the address of a request says beside its body. */
export interface Target {
  readonly model?: string;
  readonly stream?: boolean;
}

export interface Dialect {
  readonly id: DialectId;
  read(body: JsonObject, target: Target): ModelRequest;
  /** The answer as one JSON document. */
  whole(reply: ModelReply): JsonObject;
  /** The answer as a stream, as far as it goes before it is cut, hangs, or breaks with an error. */
  frames(reply: ModelReply): Iterable<Frame>;
  failure(refusal: Refusal): JsonObject;
}
