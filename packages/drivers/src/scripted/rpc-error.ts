/** A refusal in the words of JSON-RPC 2.0. */
import { isRecord, type JsonObject } from "./json.ts";

export const codes = {
  parse: -32700,
  invalidRequest: -32600,
  methodMissing: -32601,
  invalidParams: -32602,
  internal: -32603,
} as const;

export class RpcError extends Error {
  readonly code: number;
  readonly more: unknown;

  constructor(code: number, message: string, more?: unknown) {
    super(message);
    this.name = "RpcError";
    this.code = code;
    this.more = more;
  }

  /** The `error` of an answer that came over the wire. */
  static read(error: unknown): RpcError {
    const { code, message, data } = isRecord(error) ? error : {};
    return new RpcError(
      typeof code === "number" ? code : codes.internal,
      typeof message === "string" ? message : "The answer gave no reason",
      data,
    );
  }

  /** Whatever was thrown, as something that can be answered. */
  static from(thrown: unknown): RpcError {
    if (thrown instanceof RpcError) return thrown;
    return new RpcError(codes.internal, thrown instanceof Error ? thrown.message : String(thrown));
  }

  toWire(): JsonObject {
    return { code: this.code, message: this.message, ...(this.more === undefined ? {} : { data: this.more }) };
  }
}
