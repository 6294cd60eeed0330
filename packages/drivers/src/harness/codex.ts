/** Codex: its own app-server, with its configuration and its threads in a directory of the session's own. */
import { delimiter, dirname, join } from "node:path";
import { type LaunchNeed, programHarness } from "@corral/kernel";
import { z } from "zod";
import { CodexConnection } from "./codex/connection.ts";
import { toml } from "./codex/toml.ts";
import { gatewayOf, gatewayOptions } from "./gateway.ts";
import { linkLogin } from "./host-login.ts";
import { codexLogins } from "./logins.ts";
import { ownHome } from "./own-home.ts";
import { usualCapabilities } from "./usual.ts";

const gateway = "gateway";
const keys = ["OPENAI_API_KEY", "CODEX_API_KEY"] as const;

/** Codex has one dialect only. */
const options = gatewayOptions.extend({
  dialect: z.literal("responses").optional().describe("What that server speaks: Codex knows Responses only."),
});

const homeIn = (stateDir: string): string => join(stateDir, "codex");

type Given = Pick<LaunchNeed, "options" | "secrets">;

const keyIn = (secrets: Given["secrets"]) => keys.find((name) => secrets[name]);

function provider({ options: given, secrets }: Given): object {
  const { baseUrl, model, contextWindow } = gatewayOf(given);
  const chosen = model === undefined ? {} : { model };
  const key = keyIn(secrets);
  if (baseUrl === undefined) return chosen;
  return {
    ...chosen,
    model_provider: gateway,
    ...(contextWindow === undefined ? {} : { model_context_window: contextWindow }),
    model_providers: {
      [gateway]: {
        name: "Gateway",
        base_url: baseUrl,
        wire_api: "responses",
        // Named, not written: what stands in a configuration is easily shown to somebody.
        ...(key === undefined ? {} : { env_key: key }),
        // Without this the login is for its maker's own server only.
        ...(key === undefined && usesHostLogin({ options: given, secrets }) ? { requires_openai_auth: true } : {}),
        request_max_retries: 2,
        stream_max_retries: 3,
      },
    },
  };
}

const config = (need: Given): object => ({
  ...provider(need),
  check_for_update_on_startup: false,
  // A key that was handed over stays in memory; the login of the host is its file.
  cli_auth_credentials_store: usesHostLogin(need) ? "file" : "ephemeral",
  analytics: { enabled: false },
  features: { plugins: false, apps: false, remote_plugin: false },
  // What the model runs needs no key of the model's.
  shell_environment_policy: { exclude: keys },
});

const usesHostLogin = ({ options: given }: Given): boolean => gatewayOf(given).login === "host";

const triples = {
  "linux-x64": "x86_64-unknown-linux-musl",
  "linux-arm64": "aarch64-unknown-linux-musl",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
} as const;
const binaries = Object.fromEntries(
  Object.entries(triples).map(([name, triple]) => [name, `@openai/codex-${name}/vendor/${triple}/bin/codex`]),
);

export const codex = programHarness({
  id: "codex",
  title: "Codex",
  install: {
    packages: { "@openai/codex": "0.169.0" },
    bins: { codex: binaries },
    licence: "open",
  },
  secrets: keys,
  logins: codexLogins,
  options,
  capabilities: usualCapabilities,
  launch: async (need) => {
    const home = await ownHome(need.stateDir, { registry: gatewayOf(need.options).registry });
    const codexHome = homeIn(need.stateDir);
    await need.writePrivate(join(codexHome, "config.toml"), toml(config(need)));
    const { baseUrl, login } = gatewayOf(need.options);
    await linkLogin({ ...need, login }, { from: ".codex/auth.json", to: join(codexHome, "auth.json") });
    return {
      command: need.bin("codex"),
      args: ["app-server"],
      env: {
        ...home.env,
        ...(baseUrl === undefined ? {} : need.secrets),
        CODEX_HOME: codexHome,
        // It has a sandbox program of its own, and complains with every start when the host has none.
        PATH: [need.hostEnv.PATH, join(dirname(need.bin("codex")), "..", "codex-resources")]
          .filter(Boolean)
          .join(delimiter),
      },
    };
  },
  speak: (need, child) => {
    const key = keyIn(need.secrets);
    const { baseUrl } = gatewayOf(need.options);
    const apiKey = key === undefined || baseUrl !== undefined ? undefined : need.secrets[key];
    const codexHome = homeIn(need.stateDir);
    return new CodexConnection(need, child, { codexHome, ...(apiKey === undefined ? {} : { apiKey }) });
  },
});
