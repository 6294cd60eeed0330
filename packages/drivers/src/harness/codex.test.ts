/** What Codex is launched with. */
import { mkdtemp, readFile, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectNeed, SpawnNeed } from "@corral/kernel";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codex } from "./codex.ts";
import { launchOf } from "./launch.fixture.ts";

let stateDir = "";
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "corral-"));
});
afterEach(() => rm(stateDir, { recursive: true }));

async function launchedWith(over: Partial<ConnectNeed>): Promise<SpawnNeed & { config: string }> {
  const hostEnv = { PATH: "/bin", HOME: "/people/me" };
  const programs = { node: "/node", bin: (name: string) => `/programs/bin/${name}` };
  const wanted = await launchOf(codex, { stateDir, hostEnv, programs, ...over });
  return { ...wanted, config: await readFile(join(wanted.env.CODEX_HOME ?? "", "config.toml"), "utf8") };
}

const secrets = { OPENAI_API_KEY: "sk-1" };

test("a gateway is its provider, and the key is named and not written down (invariant 8)", async () => {
  const options = { baseUrl: "http://127.0.0.1:4010/v1", model: "m", contextWindow: 1000 };
  const { config, env, command, args } = await launchedWith({ options, secrets });
  expect([command, ...args]).toEqual(["/programs/bin/codex", "app-server"]);
  expect(config).toContain('model = "m"\nmodel_provider = "gateway"\nmodel_context_window = 1000\n');
  expect(config).toContain('base_url = "http://127.0.0.1:4010/v1", wire_api = "responses", env_key = "OPENAI_API_KEY"');
  expect(config).not.toContain("sk-1");
  expect(env.OPENAI_API_KEY).toBe("sk-1");
  expect((await stat(join(env.CODEX_HOME ?? "", "config.toml"))).mode & 0o777).toBe(0o600);
});

test("the vendor's own key is not in its environment: it is told when it runs, and kept in memory (invariant 8)", async () => {
  const { config, env } = await launchedWith({ secrets });
  expect(JSON.stringify(env)).not.toContain("sk-1");
  expect(config).toContain('cli_auth_credentials_store = "ephemeral"');
});

test("it phones nobody, and gives the model's commands no key of the model's", async () => {
  const { config, env } = await launchedWith({ secrets });
  expect(config).toContain("analytics = { enabled = false }");
  expect(config).toContain("features = { plugins = false, apps = false, remote_plugin = false }");
  expect(config).toContain('shell_environment_policy = { exclude = ["OPENAI_API_KEY", "CODEX_API_KEY"] }');
  expect(env.npm_config_registry).toBe("http://127.0.0.1:9/");
});

test("its home is the session's, and outside of the temporary files, or its sandbox would not start", async () => {
  const { env } = await launchedWith({});
  expect(env.CODEX_HOME).toBe(join(stateDir, "codex"));
  expect(env.HOME).toBe(join(stateDir, "home"));
});

test("the login of the daemon's user is linked where asked, and gone again where not", async () => {
  const { env, config } = await launchedWith({ options: { login: "host" } });
  const link = join(env.CODEX_HOME ?? "", "auth.json");
  expect(await readlink(link)).toBe("/people/me/.codex/auth.json");
  expect(config).toContain('cli_auth_credentials_store = "file"');
  await launchedWith({});
  await expect(readlink(link)).rejects.toThrow("ENOENT");
});

test("a gateway is shown the login of the daemon's user only where a session asks for that and brings no key (A-09)", async () => {
  const baseUrl = "http://127.0.0.1:4010/v1";
  const configOf = async (over: Partial<ConnectNeed>) => (await launchedWith(over)).config;
  expect(await configOf({ options: { baseUrl, login: "host" } })).toContain("requires_openai_auth");
  expect(await configOf({ options: { baseUrl } })).not.toContain("requires_openai_auth");
  const secrets = { OPENAI_API_KEY: "sk-any" };
  expect(await configOf({ options: { baseUrl, login: "host" }, secrets })).not.toContain("requires_openai_auth");
});

test("a gateway of another dialect is refused before anything is started", () => {
  expect(codex.options?.safeParse({ baseUrl: "http://127.0.0.1:4010", dialect: "chat" }).success).toBe(false);
});
