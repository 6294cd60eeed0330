/** The lists of models, as each provider shows them. */
import type { JsonObject } from "./json.ts";

const createdAt = "2026-01-01T00:00:00Z";

const openaiModel = (id: string): JsonObject => ({
  id,
  object: "model",
  created: Date.parse(createdAt) / 1_000,
  owned_by: "corral",
});

const anthropicModel = (id: string): JsonObject => ({ type: "model", id, display_name: id, created_at: createdAt });

const geminiModel = (id: string): JsonObject => ({
  name: `models/${id}`,
  baseModelId: id,
  version: "1",
  displayName: id,
  inputTokenLimit: 128_000,
  outputTokenLimit: 8_192,
  supportedGenerationMethods: ["generateContent", "countTokens"],
});

export type ListStyle = "openai" | "anthropic" | "gemini";

const modelAs: Readonly<Record<ListStyle, (id: string) => JsonObject>> = {
  openai: openaiModel,
  anthropic: anthropicModel,
  gemini: geminiModel,
};

export const oneModel = (style: ListStyle, id: string): JsonObject => modelAs[style](id);

export function modelList(style: ListStyle, ids: readonly string[]): JsonObject {
  const models = ids.map(modelAs[style]);
  if (style === "gemini") return { models };
  // Codex looks for its own list under `models` and takes an empty one for "know nothing more".
  if (style === "openai") return { object: "list", data: models, models: [] };
  return { data: models, has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null };
}
