/** Reads the parameters of requests; what is missing or of another kind is refused with JSON-RPC's -32602. */
import { isAbsolute } from "node:path";
import { isRecord, type JsonObject } from "./json.ts";
import { codes, RpcError } from "./rpc-error.ts";

export function textOf(params: JsonObject, key: string): string {
  const value = params[key];
  if (typeof value === "string") return value;
  throw new RpcError(codes.invalidParams, `${key} must be a string`);
}

export function directoryOf(params: JsonObject): string {
  const cwd = textOf(params, "cwd");
  if (isAbsolute(cwd)) return cwd;
  throw new RpcError(codes.invalidParams, `cwd must be an absolute path, not '${cwd}'`);
}

export function blocksOf(params: JsonObject): readonly JsonObject[] {
  const prompt = params.prompt;
  if (Array.isArray(prompt) && prompt.every(isRecord)) return prompt;
  throw new RpcError(codes.invalidParams, "prompt must be a list of content blocks");
}

/** The story that a client sends along when it opens a session. */
export function storyOf(params: JsonObject): unknown {
  const meta = params._meta;
  return isRecord(meta) ? (meta["corral/story"] ?? undefined) : undefined;
}

/** Content blocks as the words that a story can look at. */
export const wordsOf = (blocks: readonly JsonObject[]): string => blocks.map(wordOf).join("");

function wordOf(block: JsonObject): string {
  if (block.type === "text") return String(block.text ?? "");
  const resource = isRecord(block.resource) ? block.resource : block;
  return `[${String(resource.uri ?? resource.name ?? resource.mimeType ?? block.type)}]`;
}
