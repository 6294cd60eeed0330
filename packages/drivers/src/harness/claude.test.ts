/** What Claude Code is launched with: the driver is real, only the program is not started. */
import { mkdtemp, readFile, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectNeed, SpawnNeed } from "@corral/kernel";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claude } from "./claude.ts";
import { launchOf } from "./launch.fixture.ts";

let stateDir = "";
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "corral-"));
});
afterEach(() => rm(stateDir, { recursive: true }));

const launchedWith = (over: Partial<ConnectNeed>): Promise<SpawnNeed> => launchOf(claude, { stateDir, ...over });

const settingsFile = () => join(stateDir, "claude", "settings.json");
const secrets = { ANTHROPIC_API_KEY: "sk-1" };
const gateway = { baseUrl: "http://127.0.0.1:4010", model: "m", models: ["n"], contextWindow: 1000 };

test("at a gateway it offers the models that were given, and asks no other for its small tasks", async () => {
  const { env, command, args } = await launchedWith({ options: gateway, secrets });
  expect([command, ...args]).toEqual(["/node", "/programs/adapter"]);
  expect(env).toMatchObject({
    ...secrets,
    ANTHROPIC_BASE_URL: gateway.baseUrl,
    ANTHROPIC_MODEL: "m",
    ANTHROPIC_DEFAULT_OPUS_MODEL: "m",
    ANTHROPIC_DEFAULT_SONNET_MODEL: "m",
    ANTHROPIC_DEFAULT_HAIKU_MODEL: "m",
    CLAUDE_CODE_AUTO_COMPACT_WINDOW: "1000",
    CLAUDE_CODE_EXECUTABLE: "/programs/claude",
  });
  const written = await readFile(settingsFile(), "utf8");
  expect(JSON.parse(written)).toEqual({ availableModels: ["m", "n"] });
  expect((await stat(settingsFile())).mode & 0o777).toBe(0o600);
});

test("without a gateway its maker's models are its own choice, and a wanted one is where it begins", async () => {
  const { env } = await launchedWith({ options: { model: "opus" }, secrets });
  expect(env.ANTHROPIC_MODEL).toBe("opus");
  expect(Object.keys(env).filter((name) => /BASE_URL|DEFAULT_/.test(name))).toEqual([]);
  expect(JSON.parse(await readFile(settingsFile(), "utf8"))).toEqual({});
});

test("its home, its configuration and its temporary files are the session's own, and it calls nobody at home", async () => {
  const { env } = await launchedWith({});
  for (const name of ["HOME", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_TMPDIR", "TMPDIR", "XDG_CONFIG_HOME"])
    expect(env[name]?.startsWith(stateDir)).toBe(true);
  expect(env).toMatchObject({
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
    DISABLE_ERROR_REPORTING: "1",
    DISABLE_TELEMETRY: "1",
  });
});

test("the login of the host is used only where that was asked for (BR-01)", async () => {
  const link = join(stateDir, "claude", ".credentials.json");
  const hostEnv = { PATH: "/bin", HOME: "/somewhere" };
  await launchedWith({ hostEnv });
  await expect(readlink(link)).rejects.toThrow("ENOENT");
  await launchedWith({ hostEnv, options: { login: "host" } });
  expect(await readlink(link)).toBe("/somewhere/.claude/.credentials.json");
  await launchedWith({ hostEnv, options: { login: "none" } });
  await expect(readlink(link)).rejects.toThrow("ENOENT");
});

test("it is asked for in one dialect only, and comes from its maker", () => {
  expect(claude.options?.safeParse({ dialect: "chat" }).success).toBe(false);
  expect(claude.install?.licence).toBe("vendor");
});
