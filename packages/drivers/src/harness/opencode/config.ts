/** OpenCode's configuration: the gateway as its only provider, and what it asks before it does it. */
import { type Frame, isFrame, type LaunchNeed } from "@corral/kernel";
import { type GatewayOptions, gatewayOf } from "../gateway.ts";
import { text, texts } from "../reading.ts";

type Dialect = NonNullable<GatewayOptions["dialect"]>;

/** The provider libraries that OpenCode has inside; any other would be fetched from a registry. */
const providers = {
  chat: { npm: "@ai-sdk/openai-compatible", path: "", keys: ["OPENAI_API_KEY", "OPENROUTER_API_KEY"] },
  responses: { npm: "@ai-sdk/openai", path: "", keys: ["OPENAI_API_KEY"] },
  messages: { npm: "@ai-sdk/anthropic", path: "/v1", keys: ["ANTHROPIC_API_KEY"] },
  gemini: { npm: "@ai-sdk/google", path: "/v1beta", keys: ["GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"] },
} as const satisfies Record<Dialect, { npm: string; path: string; keys: readonly string[] }>;

export const secretNames: readonly string[] = [...new Set(Object.values(providers).flatMap(({ keys }) => [...keys]))];

const gateway = "gateway";

export type Given = Pick<LaunchNeed, "options" | "secrets">;

/** The models of the gateway, the first one first, as the gateway calls them. */
export function gatewayModels(options: Given["options"]): readonly string[] {
  const { model, models = [] } = gatewayOf(options);
  return [...new Set([...(model === undefined ? [] : [model]), ...models])];
}

export const gatewayModel = (name: string): string => `${gateway}/${name}`;

/** The one secret that a gateway of the session's dialect is shown. */
export function keyName({ options, secrets }: Given): string | undefined {
  const { dialect = "chat" } = gatewayOf(options);
  return providers[dialect].keys.find((name) => name in secrets);
}

/** The gateway as a provider; `apiKey` is how its key is written down, if it has one. */
function gatewayConfig(options: Given["options"], apiKey: string | undefined): object {
  const { baseUrl, dialect = "chat", contextWindow } = gatewayOf(options);
  const { npm, path } = providers[dialect];
  const limit = contextWindow === undefined ? {} : { limit: { context: contextWindow, output: 8192 } };
  const modalities = { input: ["text", "image"], output: ["text"] };
  const card = (name: string) => ({ name, tool_call: true, attachment: true, modalities, ...limit });
  const names = gatewayModels(options);
  const [first] = names.map(gatewayModel);
  return {
    ...(first === undefined ? {} : { model: first, small_model: first }),
    enabled_providers: [gateway],
    provider: {
      [gateway]: {
        npm,
        name: "Gateway",
        options: { baseURL: `${baseUrl}${path}`, ...(apiKey === undefined ? {} : { apiKey }) },
        models: Object.fromEntries(names.map((name) => [name, card(name)])),
      },
    },
  };
}

/** Without a gateway OpenCode knows the vendors by itself, and finds their keys in its environment. */
function providerConfig(options: Given["options"], apiKey: string | undefined): object {
  const { baseUrl, model } = gatewayOf(options);
  if (baseUrl !== undefined) return gatewayConfig(options, apiKey);
  return model === undefined ? {} : { model };
}

/** What holds against every configuration that lies in a workspace: it goes into the environment, and names no key. */
export const config = (options: Given["options"], apiKey?: string): object => ({
  autoupdate: false,
  share: "disabled",
  // Without it everything is allowed and nobody is asked.
  permission: { bash: "ask", edit: "ask", webfetch: "ask" },
  ...providerConfig(options, apiKey),
});

const pairs = (list: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (Array.isArray(list) ? list.filter(isFrame) : []).map(({ name, value }) => [text(name), text(value)]),
  );

function mcpServer({ command, args, env, url, headers }: Frame): object {
  if (typeof url === "string") return { type: "remote", url, headers: pairs(headers) };
  return { type: "local", command: [text(command), ...texts(args)], environment: pairs(env) };
}

/** MCP servers as ACP has them, in OpenCode's words. */
export const mcpConfig = (servers: readonly Frame[]): object =>
  servers.length === 0
    ? {}
    : { mcp: Object.fromEntries(servers.map((server) => [text(server.name), mcpServer(server)])) };

/** Whatever stands in the environment or the headers of an MCP server may be a key. */
export const mcpSecrets = (servers: readonly Frame[]): Readonly<Record<string, string>> =>
  Object.fromEntries(servers.flatMap(({ env, headers }) => [...Object.entries({ ...pairs(env), ...pairs(headers) })]));

/** What keeps OpenCode from the network where nobody asked it to go there. */
export const quiet: Readonly<Record<string, string>> = {
  OPENCODE_DISABLE_AUTOUPDATE: "1",
  OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
  OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
  OPENCODE_DISABLE_MODELS_FETCH: "1",
};
