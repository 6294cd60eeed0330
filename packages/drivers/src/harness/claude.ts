/** Claude Code: through its maker's SDK and an ACP adapter over it, with its configuration and its history in a directory of the session's own. */
import { join } from "node:path";
import { acpHarness, type LaunchNeed } from "@corral/kernel";
import { z } from "zod";
import { errorProse } from "./corrections/error-prose.ts";
import { retold } from "./corrections/retold.ts";
import { gatewayOf, gatewayOptions } from "./gateway.ts";
import { linkLogin } from "./host-login.ts";
import { claudeLogins } from "./logins.ts";
import { ownHome } from "./own-home.ts";
import { usualCapabilities } from "./usual.ts";

/** Claude Code has one dialect only. */
const options = gatewayOptions.extend({
  dialect: z.literal("messages").optional().describe("What that server speaks: Claude Code knows Messages only."),
});

const keys = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"] as const;

const configIn = (stateDir: string): string => join(stateDir, "claude");

type Given = Pick<LaunchNeed, "options">;

/** Its own list of models is of no use at a gateway that has others. */
function settings({ options: given }: Given): object {
  const { baseUrl, model, models = [] } = gatewayOf(given);
  const names = [...(model === undefined ? [] : [model]), ...models];
  return baseUrl === undefined || names.length === 0 ? {} : { availableModels: names };
}

/** What it calls a large, a small and a fast model is at a gateway the one that was given. */
function gatewayEnv({ options: given }: Given): Record<string, string> {
  const { baseUrl, model, contextWindow } = gatewayOf(given);
  const everyone = ["OPUS", "SONNET", "HAIKU"].map((size) => `ANTHROPIC_DEFAULT_${size}_MODEL`);
  const named = baseUrl === undefined ? ["ANTHROPIC_MODEL"] : ["ANTHROPIC_MODEL", ...everyone];
  return {
    // Which tools there are, a model of another maker is told at once: it has not learnt to look for them first.
    ...(baseUrl === undefined ? {} : { ANTHROPIC_BASE_URL: baseUrl, ENABLE_TOOL_SEARCH: "false" }),
    ...(model === undefined ? {} : Object.fromEntries(named.map((name) => [name, model]))),
    ...(contextWindow === undefined ? {} : { CLAUDE_CODE_AUTO_COMPACT_WINDOW: String(contextWindow) }),
  };
}

const platforms = ["linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl", "darwin-x64", "darwin-arm64"];
const binaries = Object.fromEntries(platforms.map((name) => [name, `@anthropic-ai/claude-agent-sdk-${name}/claude`]));

export const claude = acpHarness({
  id: "claude",
  title: "Claude Code",
  install: {
    packages: { "@agentclientprotocol/claude-agent-acp": "0.100.0" },
    bins: { adapter: "@agentclientprotocol/claude-agent-acp/dist/index.js", claude: binaries },
    licence: "vendor",
    minNode: "22.0.0",
  },
  secrets: keys,
  logins: claudeLogins,
  options,
  capabilities: usualCapabilities,
  corrections: ({ clock }) => {
    const once = retold(clock, "message");
    const prose = errorProse();
    return {
      prompt: () => {
        once.prompt();
        prose.prompt();
      },
      update: (said) => prose.update(said).flatMap((one) => once.update(one)),
      result: prose.result,
      rest: () => prose.rest().flatMap((one) => once.update(one)),
    };
  },
  launch: async (need) => {
    const { stateDir, secrets, options: given, tempDir, bin, node } = need;
    const home = await ownHome(stateDir, { registry: gatewayOf(given).registry });
    await need.writePrivate(join(configIn(stateDir), "settings.json"), JSON.stringify(settings(need)));
    await linkLogin(
      { ...need, login: gatewayOf(given).login },
      { from: ".claude/.credentials.json", to: join(configIn(stateDir), ".credentials.json") },
    );
    return {
      command: node,
      args: [bin("adapter")],
      env: {
        ...home.env,
        ...secrets,
        ...gatewayEnv(need),
        CLAUDE_CONFIG_DIR: configIn(stateDir),
        CLAUDE_CODE_EXECUTABLE: bin("claude"),
        CLAUDE_CODE_TMPDIR: tempDir,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
        // About half a minute of trying; its own ten tries take five.
        CLAUDE_CODE_MAX_RETRIES: "5",
        CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION: "false",
        DISABLE_AUTOUPDATER: "1",
        DISABLE_ERROR_REPORTING: "1",
        DISABLE_TELEMETRY: "1",
      },
    };
  },
});
