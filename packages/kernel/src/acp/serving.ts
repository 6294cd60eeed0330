/** What all handlers of a harness's requests share: parameters are checked at the door, and refusals are put in its words. */
import { isFault } from "@corral/protocol";
import { z } from "zod";
import { RpcError, rpcCodes, type Serve } from "./rpc.ts";

/** ACP's own code for a thing that is not there; harnesses tell it from an error by this number. */
export const resourceMissing = -32002;

/** Text that may become a path, an argument or a variable; the system's own strings end at a NUL. */
export const plainText = z.string().refine((text) => !text.includes("\0"), "must not contain a NUL");

/** ACP writes null for what is absent. */
export const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => value ?? undefined);

export function serving<Schema extends z.ZodType>(
  schema: Schema,
  handle: (params: z.output<Schema>, options: { readonly signal: AbortSignal }) => Promise<unknown>,
): Serve {
  return async (params, options) => {
    const parsed = schema.safeParse(params);
    if (!parsed.success) throw invalidParams(parsed.error);
    try {
      return await handle(parsed.data, options);
    } catch (error) {
      throw asRpcError(error);
    }
  };
}

function invalidParams({ issues }: z.ZodError): RpcError {
  const told = issues.map(({ path, message }) => ({ path: path.join(".") || "params", message }));
  const message = told.map((one) => `${one.path}: ${one.message}`).join("; ");
  return new RpcError(rpcCodes.params, `Invalid params: ${message}`, told);
}

function asRpcError(error: unknown): unknown {
  if (!isFault(error)) return error;
  const { path } = error.more ?? {};
  // Harnesses look for these words too, where they do not keep the code.
  if (error.code === "file.missing") {
    return new RpcError(resourceMissing, `Resource not found: ${path} does not exist`, { path });
  }
  const code = error.code === "workspace.escape" ? rpcCodes.params : rpcCodes.internal;
  return new RpcError(code, error.message, { fault: error.code });
}
