/** Pi: its own RPC mode, with a gate before its tools, and with its conversations in a directory of the session's own. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type LaunchNeed, programHarness } from "@corral/kernel";
import { type GatewayOptions, gatewayOf, gatewayOptions } from "./gateway.ts";
import { linkLogin } from "./host-login.ts";
import { piLogins } from "./logins.ts";
import { ownHome } from "./own-home.ts";
import { PiConnection } from "./pi/connection.ts";
import { gateSource } from "./pi/gate.ts";
import { usualCapabilities } from "./usual.ts";

type Dialect = NonNullable<GatewayOptions["dialect"]>;

const dialects = {
  chat: { api: "openai-completions", path: "", keys: ["OPENAI_API_KEY", "OPENROUTER_API_KEY"] },
  responses: { api: "openai-responses", path: "", keys: ["OPENAI_API_KEY"] },
  messages: { api: "anthropic-messages", path: "", keys: ["ANTHROPIC_API_KEY"] },
  gemini: { api: "google-generative-ai", path: "/v1beta", keys: ["GEMINI_API_KEY"] },
} as const satisfies Record<Dialect, { api: string; path: string; keys: readonly string[] }>;

const gateway = "gateway";

type Given = Pick<LaunchNeed, "options" | "secrets">;

function models({ options, secrets }: Given): object {
  const { baseUrl, dialect = "chat", model, models: more = [], contextWindow } = gatewayOf(options);
  if (baseUrl === undefined) return {};
  const { api, path, keys } = dialects[dialect];
  const key = keys.find((name) => name in secrets);
  const names = [...(model === undefined ? [] : [model]), ...more];
  const card = { input: ["text", "image"], ...(contextWindow === undefined ? {} : { contextWindow }) };
  return {
    [gateway]: {
      baseUrl: `${baseUrl}${path}`,
      api,
      // Named, not written. Pi leaves out the models of a provider without any key.
      apiKey: key === undefined ? "none" : `$${key}`,
      models: names.map((id) => ({ id, ...card })),
    },
  };
}

function settings({ options }: Given): object {
  const { baseUrl, model } = gatewayOf(options);
  return {
    ...(baseUrl === undefined ? {} : { defaultProvider: gateway }),
    ...(model === undefined ? {} : { defaultModel: model }),
    quietStartup: true,
    enableInstallTelemetry: false,
    // What a workspace brings along would run inside Pi, where no gate is.
    defaultProjectTrust: "never",
  };
}

const ownFiles = (stateDir: string): string => join(stateDir, "pi");
const sessionsIn = (stateDir: string): string => join(ownFiles(stateDir), "sessions");

export const pi = programHarness({
  id: "pi",
  title: "Pi",
  install: {
    packages: { "@earendil-works/pi-coding-agent": "0.87.1" },
    bins: { pi: "@earendil-works/pi-coding-agent/dist/cli.js" },
    licence: "open",
    minNode: "22.19.0",
  },
  secrets: [...new Set(Object.values(dialects).flatMap(({ keys }) => [...keys]))],
  logins: piLogins,
  options: gatewayOptions,
  capabilities: {
    ...usualCapabilities,
    mcpTools: false,
    planMode: false,
    questions: false,
  },
  launch: async (need) => {
    const { stateDir, options, writePrivate } = need;
    const { registry, login } = gatewayOf(options);
    const home = await ownHome(stateDir, { registry });
    const [own, sessions] = [ownFiles(stateDir), sessionsIn(stateDir)];
    await mkdir(sessions, { recursive: true, mode: 0o700 });
    await writePrivate(join(own, "models.json"), JSON.stringify({ providers: models(need) }));
    await writePrivate(join(own, "settings.json"), JSON.stringify(settings(need)));
    const gate = await writePrivate(join(own, "gate.js"), gateSource);
    await linkLogin({ ...need, login }, { from: ".pi/agent/auth.json", to: join(own, "auth.json") });
    return {
      command: need.node,
      args: [need.bin("pi"), "--mode", "rpc", "--session-dir", sessions, "--no-extensions", "--extension", gate],
      env: {
        ...home.env,
        ...need.secrets,
        PI_CODING_AGENT_DIR: own,
        PI_OFFLINE: "1",
        PI_SKIP_VERSION_CHECK: "1",
        PI_TELEMETRY: "0",
      },
    };
  },
  speak: (need, child) => new PiConnection(need, child, { sessionsDir: sessionsIn(need.stateDir) }),
});
