/** OpenCode: its own agent over ACP, with its configuration in the environment and its files in a home of the session's own. */
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { acpHarness, type LaunchNeed } from "@corral/kernel";
import { retold } from "./corrections/retold.ts";
import { usageFromDatabase } from "./corrections/usage-from-database.ts";
import { type GatewayOptions, gatewayOf, gatewayOptions } from "./gateway.ts";
import { opencodeLogins } from "./logins.ts";
import { ownHome, shareDirOf } from "./own-home.ts";

type Dialect = NonNullable<GatewayOptions["dialect"]>;

/** The provider libraries that OpenCode has inside; any other would be fetched from a registry. */
const providers = {
  chat: { npm: "@ai-sdk/openai-compatible", path: "", keys: ["OPENAI_API_KEY", "OPENROUTER_API_KEY"] },
  responses: { npm: "@ai-sdk/openai", path: "", keys: ["OPENAI_API_KEY"] },
  messages: { npm: "@ai-sdk/anthropic", path: "/v1", keys: ["ANTHROPIC_API_KEY"] },
  gemini: { npm: "@ai-sdk/google", path: "/v1beta", keys: ["GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"] },
} as const satisfies Record<Dialect, { npm: string; path: string; keys: readonly string[] }>;

const gateway = "gateway";

function providerConfig({ options, secrets }: Pick<LaunchNeed, "options" | "secrets">): object {
  const { baseUrl, dialect = "chat", model, models = [], contextWindow } = gatewayOf(options);
  if (baseUrl === undefined) return model === undefined ? {} : { model };
  const { npm, path, keys } = providers[dialect];
  const key = keys.find((name) => name in secrets);
  const limit = contextWindow === undefined ? {} : { limit: { context: contextWindow, output: 8192 } };
  const modalities = { input: ["text", "image"], output: ["text"] };
  const card = (name: string) => ({ name, tool_call: true, attachment: true, modalities, ...limit });
  const names = [...(model === undefined ? [] : [model]), ...models];
  const [first] = names;
  return {
    ...(first === undefined ? {} : { model: `${gateway}/${first}`, small_model: `${gateway}/${first}` }),
    enabled_providers: [gateway],
    provider: {
      [gateway]: {
        npm,
        name: "Gateway",
        // Named, not written: what stands in a configuration is easily shown to somebody.
        options: { baseURL: `${baseUrl}${path}`, ...(key === undefined ? {} : { apiKey: `{env:${key}}` }) },
        models: Object.fromEntries(names.map((name) => [name, card(name)])),
      },
    },
  };
}

const config = (need: LaunchNeed): object => ({
  autoupdate: false,
  share: "disabled",
  // Without it everything is allowed and nobody is asked.
  permission: { bash: "ask", edit: "ask", webfetch: "ask" },
  ...providerConfig(need),
});

const ownFiles = (stateDir: string): string => join(shareDirOf(stateDir), "opencode");

/** The login is renewed in its own file, so it is linked and not copied: two copies would end each other. */
async function linkLogin({ options, hostEnv, stateDir }: LaunchNeed): Promise<void> {
  const link = join(ownFiles(stateDir), "auth.json");
  await mkdir(ownFiles(stateDir), { recursive: true, mode: 0o700 });
  await rm(link, { force: true });
  const { HOME } = hostEnv;
  if (gatewayOf(options).login === "host" && HOME) await symlink(join(HOME, ".local/share/opencode/auth.json"), link);
}

const platforms = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"] as const;
const binaries = Object.fromEntries(platforms.map((name) => [name, `opencode-${name}/bin/opencode`]));
const onMusl = {
  "linux-x64-musl": "opencode-linux-x64-musl/bin/opencode",
  "linux-arm64-musl": "opencode-linux-arm64-musl/bin/opencode",
};

export const opencode = acpHarness({
  id: "opencode",
  title: "OpenCode",
  install: {
    packages: { "opencode-ai": "1.18.33" },
    bins: { opencode: { ...binaries, ...onMusl } },
    licence: "open",
  },
  secrets: [...new Set(Object.values(providers).flatMap(({ keys }) => [...keys]))],
  logins: opencodeLogins,
  options: gatewayOptions,
  capabilities: {
    commandExecution: true,
    errorEvents: true,
    fileAttachments: true,
    fileChanges: true,
    images: true,
    itemStarted: true,
    mcpTools: true,
    permissions: true,
    planMode: true,
    questions: false,
    reasoning: true,
    sessionLifecycle: true,
    sharedProcess: false,
    status: true,
    streamingDeltas: true,
    textMessages: true,
    toolCalls: true,
    toolResults: true,
  },
  corrections: ({ clock, stateDir }) => {
    const once = retold(clock);
    const whole = usageFromDatabase({ clock, path: join(ownFiles(stateDir), "opencode.db") });
    return {
      ...once,
      ...whole,
      prompt: () => {
        once.prompt();
        whole.prompt();
      },
    };
  },
  launch: async (need) => {
    const { stateDir, secrets, options, bin, chance } = need;
    const { registry } = gatewayOf(options);
    const home = await ownHome(stateDir, { registry });
    await linkLogin(need);
    return {
      command: bin("opencode"),
      args: ["acp"],
      env: {
        ...home.env,
        ...secrets,
        // Beside its pipes it listens on a port of loopback, where whoever knows no password could use its shell.
        OPENCODE_SERVER_PASSWORD: Buffer.from(chance(24)).toString("hex"),
        OPENCODE_CONFIG_CONTENT: JSON.stringify(config(need)),
        OPENCODE_DISABLE_AUTOUPDATE: "1",
        OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
        OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
        OPENCODE_DISABLE_MODELS_FETCH: "1",
      },
    };
  },
});
