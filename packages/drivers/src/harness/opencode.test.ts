/** What OpenCode is launched with. */
import { mkdtemp, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectNeed, SpawnNeed } from "@corral/kernel";
import { afterEach, beforeEach, expect, test } from "vitest";
import { launchOf } from "./launch.fixture.ts";
import { opencode } from "./opencode.ts";

let stateDir = "";
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "corral-"));
});
afterEach(() => rm(stateDir, { recursive: true }));

async function launchedWith(over: Partial<ConnectNeed>): Promise<SpawnNeed & { config: Record<string, never> }> {
  const wanted = await launchOf(opencode, { stateDir, ...over });
  return { ...wanted, config: JSON.parse(wanted.env.OPENCODE_CONFIG_CONTENT ?? "{}") };
}

const secrets = { OPENAI_API_KEY: "sk-1", ANTHROPIC_API_KEY: "sk-2" };
const baseUrl = "http://127.0.0.1:4010";

test.each([
  ["chat", "@ai-sdk/openai-compatible", baseUrl, "{env:OPENAI_API_KEY}"],
  ["responses", "@ai-sdk/openai", baseUrl, "{env:OPENAI_API_KEY}"],
  ["messages", "@ai-sdk/anthropic", `${baseUrl}/v1`, "{env:ANTHROPIC_API_KEY}"],
  ["gemini", "@ai-sdk/google", `${baseUrl}/v1beta`, undefined],
])("a gateway that speaks %s is its only provider, with a library that is built in", async (dialect, npm, url, key) => {
  const options = { baseUrl, dialect, model: "m", models: ["n"], contextWindow: 1000 };
  const { config } = await launchedWith({ options, secrets });
  expect(config).toMatchObject({ model: "gateway/m", small_model: "gateway/m", enabled_providers: ["gateway"] });
  expect(config.provider).toMatchObject({ gateway: { npm, options: { baseURL: url } } });
  const { gateway } = config.provider as unknown as Record<"gateway", { options: { apiKey?: string }; models: object }>;
  expect(gateway.options.apiKey).toBe(key);
  expect(Object.keys(gateway.models)).toEqual(["m", "n"]);
});

test("it asks before it runs, writes or fetches, and its configuration holds no key", async () => {
  const { config, env, command, args } = await launchedWith({ secrets });
  expect([command, ...args]).toEqual(["/programs/opencode", "acp"]);
  expect(config.permission).toEqual({ bash: "ask", edit: "ask", webfetch: "ask" });
  expect(env.OPENCODE_CONFIG_CONTENT).not.toContain("sk-");
  expect(env).toMatchObject(secrets);
});

test("its port of loopback has a password, and its home is the session's own", async () => {
  const { env } = await launchedWith({});
  expect(env.OPENCODE_SERVER_PASSWORD).toMatch(/^[0-9a-f]{48}$/);
  for (const name of ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"])
    expect(env[name]?.startsWith(stateDir)).toBe(true);
});

test("the login of the host is used only where that was asked for (BR-01)", async () => {
  const link = join(stateDir, "home/.local/share/opencode/auth.json");
  const hostEnv = { PATH: "/bin", HOME: "/users/someone" };
  await launchedWith({ hostEnv });
  await expect(readlink(link)).rejects.toThrow("ENOENT");
  await launchedWith({ hostEnv, options: { login: "host" } });
  expect(await readlink(link)).toBe("/users/someone/.local/share/opencode/auth.json");
  await launchedWith({ hostEnv, options: { login: "none" } });
  await expect(readlink(link)).rejects.toThrow("ENOENT");
});
