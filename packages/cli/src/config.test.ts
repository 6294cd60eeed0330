/** Where settings come from, and how a wrong one is told. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostEnvOf, readConfig, secretsNamed, type World } from "./config.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "corral-"));
  await mkdir(join(home, ".config", "corral"), { recursive: true });
});
afterAll(() => rm(home, { recursive: true, force: true }));

const world = (env: Record<string, string> = {}): World => ({ env, cwd: join(home, "here"), home });
const writeConfig = (settings: unknown) =>
  writeFile(join(home, ".config", "corral", "config.json"), JSON.stringify(settings));

describe("settings", () => {
  test("flags win over the environment, the environment over the file, the file over defaults", async () => {
    await writeConfig({ port: 1, host: "::1", agent: "filed", state: "from-file" });
    const env = { CORRAL_PORT: "2", CORRAL_HOST: "127.0.0.2" };
    const config = await readConfig({ port: 3 }, world(env));
    expect(config).toMatchObject({ port: 3, host: "127.0.0.2", agent: "filed" });
    expect(config.stateDir).toBe(join(home, ".config", "corral", "from-file"));
    await writeConfig({});
    expect(await readConfig({}, world())).toMatchObject({ port: 2468, host: "127.0.0.1", agent: "scripted" });
  });

  test("the state directory follows CORRAL_STATE, then XDG_STATE_HOME, then the home", async () => {
    const stateDir = async (env: Record<string, string>) => (await readConfig({}, world(env))).stateDir;
    expect(await stateDir({})).toBe(join(home, ".local", "state", "corral"));
    expect(await stateDir({ XDG_STATE_HOME: "/var/state" })).toBe("/var/state/corral");
    expect(await stateDir({ XDG_STATE_HOME: "/var/state", CORRAL_STATE: "mine" })).toBe(join(home, "here", "mine"));
  });

  test("a wrong setting is told with the name under which it was written", async () => {
    await expect(readConfig({}, world({ CORRAL_PORT: "abc" }))).rejects.toThrow(/CORRAL_PORT: must be a whole number/);
    await expect(readConfig({ port: 70_000 }, world())).rejects.toThrow(/--port: /);
    await expect(readConfig({ url: "ftp://x" }, world())).rejects.toThrow(/--url: must be an http or https address/);
    await writeConfig({ corsOrigins: ["https://a.example", 5] });
    await expect(readConfig({}, world())).rejects.toThrow(/config\.json: corsOrigins\[1\]: /);
    await writeConfig({ prot: 5 });
    await expect(readConfig({}, world())).rejects.toThrow(/config\.json: .*prot/);
    await writeFile(join(home, ".config", "corral", "config.json"), "{ port: 5 }");
    await expect(readConfig({}, world())).rejects.toThrow(/config\.json is not JSON/);
    await writeConfig({});
    await expect(readConfig({ config: "missing.json" }, world())).rejects.toThrow(/missing\.json does not exist/);
  });

  test("the token comes from a flag, the environment or a file, and is never an empty one", async () => {
    const file = join(home, "token");
    await writeFile(file, "from-file\n");
    const token = async (...call: Parameters<typeof readConfig>) => (await readConfig(...call)).token;
    expect(await token({ tokenFile: file }, world({ CORRAL_TOKEN: "from-env" }))).toBe("from-file");
    expect(await token({}, world({ CORRAL_TOKEN: "from-env", CORRAL_TOKEN_FILE: file }))).toBe("from-env");
    expect(await token({ token: "flag" }, world({ CORRAL_TOKEN: "from-env" }))).toBe("flag");
    expect(await token({}, world())).toBeUndefined();
    await writeFile(file, "\n");
    await expect(token({ tokenFile: file }, world())).rejects.toThrow(/empty/);
  });
});

describe("the environment", () => {
  test("only the listed variables go on to children", () => {
    const env = {
      PATH: "/bin",
      LC_ALL: "C",
      https_proxy: "http://p",
      AWS_SECRET: "x",
      CORRAL_TOKEN: "t",
      NODE_OPTIONS: "-r",
    };
    expect(hostEnvOf(world(env))).toEqual({ PATH: "/bin", LC_ALL: "C", https_proxy: "http://p", HOME: home });
  });

  test("a secret is taken by its name, and one that is not set is refused", () => {
    expect(secretsNamed(["KEY"], world({ KEY: "v" }))).toEqual({ KEY: "v" });
    expect(() => secretsNamed(["KEY", "OTHER"], world({ KEY: "v" }))).toThrow(/OTHER/);
  });
});
