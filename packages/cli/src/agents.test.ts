/** `corral agents` and `corral credentials`, as a person types them. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Home, openHome } from "./cli.fixture.ts";
import { assignmentsOf, quoted } from "./commands/credentials.ts";

let home: Home;
beforeAll(async () => {
  home = await openHome();
  await mkdir(join(home.folder, ".codex"));
  await writeFile(join(home.folder, ".codex/auth.json"), JSON.stringify({ OPENAI_API_KEY: "canary-file" }));
  await writeFile(join(home.folder, ".claude.json"), "{ half a file with canary-claude");
});
afterAll(() => home[Symbol.asyncDispose]());

const key = "canary-'$(touch hacked)`\"\\ \n";

describe("corral credentials", { timeout: 60_000 }, () => {
  test("says where you are logged in and never with what, unless told to reveal it (D-05)", async () => {
    const env = { ANTHROPIC_API_KEY: "canary-env" };
    const { stdout, stderr, code } = await home.corral(["credentials"], { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/anthropic +api_key +ANTHROPIC_API_KEY/);
    expect(stdout).toMatch(/openai +api_key +~\/\.codex\/auth\.json +OPENAI_API_KEY/);
    expect(stderr).toBe("~/.claude.json is malformed; it was passed over.\n");
    expect(stdout).not.toContain("canary");
    const json = await home.corral(["credentials", "--json"], { env });
    expect(json.stdout).not.toContain("canary");
    expect(JSON.parse(json.stdout).notes).toHaveLength(1);
    expect((await home.corral(["credentials", "--reveal"], { env })).stdout).toContain("canary-file");
  });

  test("extract-env gives a shell exactly the keys, whatever is in them (D-05)", async () => {
    await home.write("key", key);
    const line = [
      'export OPENAI_API_KEY="$(cat key)"',
      'text="$(corral credentials extract-env --export)"',
      "unset OPENAI_API_KEY",
      'eval "$text"',
      'printf %s "$OPENAI_API_KEY" > seen',
    ].join(" && ");
    expect(await home.sh(line)).toMatchObject({ code: 0 });
    expect(await readFile(join(home.work, "seen"), "utf8")).toBe(key.trim());
    const plain = await home.corral(["credentials", "extract-env"]);
    expect(plain.stdout).toBe("OPENAI_API_KEY='canary-file'\n");
  });

  test("of two values of one variable the preferred one is told, and none that no environment can hold", () => {
    const one = { provider: "p", kind: "api_key", source: "s" } as const;
    const told = assignmentsOf([
      { ...one, secret: "A", value: "no\0ne" },
      { ...one, secret: "A", value: "1" },
      { ...one, secret: "A", value: "2" },
      { ...one, value: "3" },
    ]);
    expect(told).toEqual([["A", "1"]]);
    expect(quoted("it's")).toBe(`'it'\\''s'`);
  });
});

describe("corral agents", { timeout: 60_000 }, () => {
  const nowhere = { npm_config_registry: "http://127.0.0.1:9/", npm_config_fetch_retries: "0" };

  test("lists what is installed and where somebody is logged in, and no value (D-03)", async () => {
    const { stdout, code } = await home.corral(["agents"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^scripted +Scripted agent +yes +- +not needed/m);
    const { stdout: text } = await home.corral(["agents", "--json"], { env: { OPENAI_API_KEY: "canary-env" } });
    expect(text).not.toContain("canary");
    const agents = JSON.parse(text) as {
      id: string;
      secrets: string[];
      credentialsAvailable: boolean;
      logins: object[];
    }[];
    for (const agent of agents.filter(({ secrets }) => secrets.includes("OPENAI_API_KEY"))) {
      expect(agent.credentialsAvailable, agent.id).toBe(true);
      expect(agent.logins).toContainEqual({ provider: "openai", kind: "api_key", source: "OPENAI_API_KEY" });
    }
  });

  test("install tells of an agent that needs none, and in JSON when asked (D-03)", async () => {
    expect((await home.corral(["agents", "install", "scripted"])).stdout).toBe("Scripted agent is part of Corral.\n");
    const { stdout } = await home.corral(["agents", "install", "scripted", "--json"]);
    expect(JSON.parse(stdout)).toEqual([{ agent: "scripted", already_installed: true, artifacts: [] }]);
  });

  test.each([
    [[], 1, /one agent, or --all/],
    [["nobody"], 1, /agent\.missing/],
    [["opencode", "--version", "latest"], 1, /not an exact version/],
    [["opencode", "--offline"], 1, /agent\.not_installed/],
    [["opencode"], 1, /agent\.install/],
  ])("install %j is refused with what to do (DR-10)", async (args, code, why) => {
    const ran = await home.corral(["agents", "install", ...args], { env: nowhere });
    expect([ran.code, ran.stdout]).toEqual([code, ""]);
    expect(ran.stderr).toMatch(why);
    expect(ran.stderr).toMatch(/^ {2}do: {2}\S/m);
  });

  test("uninstall of what is not installed changes nothing, and of a part of Corral is refused", async () => {
    expect((await home.corral(["agents", "uninstall", "opencode"])).code).toBe(0);
    expect((await home.corral(["agents", "uninstall", "scripted"])).stderr).toContain("agent.cannot");
  });
});
