/** JSON-RPC 2.0 as the Agent Client Protocol uses it: its errors, and what it takes to serve a request. */

export const rpcCodes = { parse: -32700, invalid: -32600, method: -32601, params: -32602, internal: -32603 } as const;

export class RpcError extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, more?: unknown) {
    super(message);
    this.name = "RpcError";
    this.code = code;
    this.data = more;
  }
}

/** Serves one method that the other side may call. */
export type Serve = (params: unknown, options: { readonly signal: AbortSignal }) => Promise<unknown>;

export type Frame = Readonly<Record<string, unknown>>;

export const isFrame = (thing: unknown): thing is Frame =>
  typeof thing === "object" && thing !== null && !Array.isArray(thing);

/** A thing of another shape counts as an empty one. */
export const frame = (thing: unknown): Frame => (isFrame(thing) ? thing : {});
export const frames = (thing: unknown): readonly Frame[] => (Array.isArray(thing) ? thing.filter(isFrame) : []);
