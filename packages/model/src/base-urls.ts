/** Where each dialect is reached, and how a harness is told. */
import type { DialectId } from "./request.ts";

export interface Base {
  readonly dialect: DialectId;
  readonly title: string;
  readonly url: string;
  /** How to point a harness at it. */
  readonly hints: readonly string[];
}

/** Any key will do; the server takes all and keeps none. */
const anyKey = "sk-any";

export const basesOf = (url: string): readonly Base[] => [
  {
    dialect: "chat",
    title: "OpenAI Chat Completions",
    url: `${url}/v1`,
    hints: [
      `OPENAI_BASE_URL=${url}/v1 OPENAI_API_KEY=${anyKey}`,
      `OpenCode: provider npm "@ai-sdk/openai-compatible", options.baseURL "${url}/v1"`,
      `Pi: models.json api "openai-completions", baseUrl "${url}/v1"`,
    ],
  },
  {
    dialect: "responses",
    title: "OpenAI Responses",
    url: `${url}/v1`,
    hints: [`Codex: config.toml [model_providers.any] base_url = "${url}/v1", wire_api = "responses"`],
  },
  {
    dialect: "messages",
    title: "Anthropic Messages",
    url,
    hints: [`Claude Code: ANTHROPIC_BASE_URL=${url} ANTHROPIC_API_KEY=${anyKey}`],
  },
  {
    dialect: "gemini",
    title: "Gemini",
    url,
    hints: [`Gemini CLI: GOOGLE_GEMINI_BASE_URL=${url} GEMINI_API_KEY=${anyKey}, with a fixed model`],
  },
];
