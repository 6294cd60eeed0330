/** Logins found where programs keep them, by files as those programs write them. */
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { discoverCredentials, isExpired } from "@corral/kernel";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { allLogins, loginVariables } from "./logins.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "corral-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function keep(path: string, content: unknown): Promise<void> {
  const file = join(home, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
}

const discover = (env: Readonly<Record<string, string>> = {}) =>
  discoverCredentials({ env, home, variables: loginVariables, logins: allLogins });

const later = Date.parse("2031-05-06T07:08:09.000Z");
const token = `x.${Buffer.from(JSON.stringify({ exp: later / 1000 })).toString("base64url")}.y`;

const files: readonly (readonly [path: string, content: unknown, found: readonly object[]])[] = [
  [
    ".claude/.credentials.json",
    { claudeAiOauth: { accessToken: "at", refreshToken: "rt", expiresAt: later, scopes: ["user:inference"] } },
    [{ provider: "anthropic", kind: "oauth", value: "at", secret: "CLAUDE_CODE_OAUTH_TOKEN", renewable: true }],
  ],
  [
    ".claude.json",
    { numStartups: 3, primaryApiKey: "sk-ant" },
    [{ provider: "anthropic", kind: "api_key", value: "sk-ant", secret: "ANTHROPIC_API_KEY" }],
  ],
  [".claude.json", { numStartups: 3 }, []],
  [
    ".codex/auth.json",
    { OPENAI_API_KEY: "sk-o", tokens: null, last_refresh: null },
    [{ provider: "openai", kind: "api_key", value: "sk-o", secret: "OPENAI_API_KEY" }],
  ],
  [
    ".codex/auth.json",
    { OPENAI_API_KEY: null, tokens: { id_token: "i", access_token: token, refresh_token: "r", account_id: "a" } },
    [{ provider: "openai", kind: "oauth", value: token, expiresAt: "2031-05-06T07:08:09.000Z" }],
  ],
  [
    ".local/share/opencode/auth.json",
    { openrouter: { type: "api", key: "or" }, anthropic: { type: "oauth", refresh: "r", access: "a", expires: later } },
    [
      { provider: "openrouter", kind: "api_key", value: "or", secret: "OPENROUTER_API_KEY" },
      { provider: "anthropic", kind: "oauth", value: "a", expiresAt: "2031-05-06T07:08:09.000Z" },
    ],
  ],
  [
    ".gemini/oauth_creds.json",
    { access_token: "g", refresh_token: "r", token_type: "Bearer", expiry_date: later },
    [{ provider: "google", kind: "oauth", value: "g", expiresAt: "2031-05-06T07:08:09.000Z" }],
  ],
  [
    ".pi/agent/auth.json",
    { google: { type: "api_key", key: "p" } },
    [{ provider: "google", kind: "api_key", value: "p", secret: "GEMINI_API_KEY" }],
  ],
  [
    ".local/share/amp/secrets.json",
    { "apiKey@https://ampcode.com/": "amp", other: 1 },
    [{ provider: "amp", kind: "api_key", value: "amp", secret: "AMP_API_KEY" }],
  ],
];

describe("a program's own login", () => {
  test.each(files)("is read from ~/%s (A-09, D-05)", async (path, content, found) => {
    await keep(path, content);
    const { credentials, notes } = await discover();
    expect(credentials).toMatchObject(found.map((one) => ({ ...one, source: `~/${path}` })));
    expect(credentials).toHaveLength(found.length);
    expect(notes).toEqual([]);
  });

  test("is read from where a variable moved it", async () => {
    await keep("elsewhere/auth.json", { OPENAI_API_KEY: "moved" });
    const { credentials } = await discover({ CODEX_HOME: join(home, "elsewhere") });
    expect(credentials).toMatchObject([{ value: "moved", source: "$CODEX_HOME/auth.json" }]);
  });
});

describe("discovery", () => {
  test("prefers the environment to every file, and an empty variable is none (D-05)", async () => {
    await keep(".codex/auth.json", { OPENAI_API_KEY: "from the file" });
    const { credentials } = await discover({ OPENAI_API_KEY: "from the shell", ANTHROPIC_API_KEY: " " });
    expect(credentials.map(({ value }) => value)).toEqual(["from the shell", "from the file"]);
  });

  test.each([
    ["half a file", '{"OPENAI_API_KEY": "canary'],
    ["a number where a key should be", { OPENAI_API_KEY: { canary: 1 } }],
    ["a list", ["canary"]],
    ["nothing", ""],
  ])("passes over a file with %s, with a note that quotes none of it (D-05)", async (_, content) => {
    await keep(".codex/auth.json", content);
    await keep(".pi/agent/auth.json", { openai: { type: "api_key", key: "sound" } });
    const { credentials, notes } = await discover();
    expect(credentials).toMatchObject([{ value: "sound" }]);
    expect(notes).toEqual(["~/.codex/auth.json is malformed; it was passed over."]);
  });

  test("passes over what cannot be a login: a folder, a giant, a circle of links (D-05)", async () => {
    await mkdir(join(home, ".codex/auth.json"), { recursive: true });
    await keep(".claude.json", `{"primaryApiKey":"${"x".repeat(1024 * 1024)}"}`);
    await mkdir(join(home, ".gemini"));
    await symlink("oauth_creds.json", join(home, ".gemini/oauth_creds.json"));
    const { credentials, notes } = await discover();
    expect(credentials).toEqual([]);
    expect(notes).toEqual([
      "~/.claude.json is too large to be a login; it was passed over.",
      "~/.codex/auth.json is not a file; it was passed over.",
      "~/.gemini/oauth_creds.json cannot be read (ELOOP); it was passed over.",
    ]);
  });

  test.skipIf(process.getuid?.() === 0)("notes a file that it may not read (root may read all)", async () => {
    await keep(".codex/auth.json", {});
    await chmod(join(home, ".codex/auth.json"), 0);
    expect((await discover()).notes).toEqual(["~/.codex/auth.json cannot be read (EACCES); it was passed over."]);
  });

  test("finds nothing where nobody is logged in", async () => {
    expect(await discover()).toEqual({ credentials: [], notes: [] });
  });

  test("tells an expired login from one that its program renews", () => {
    const one = { provider: "p", kind: "oauth", value: "v", expiresAt: new Date(later).toISOString() } as const;
    expect(isExpired(one, later - 1)).toBe(false);
    expect(isExpired(one, later)).toBe(true);
    expect(isExpired({ ...one, renewable: true }, later)).toBe(false);
  });
});
