/** What a shared OpenCode server is started with, who shares it, and what is left of it on the disk. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectNeed, type ServerLaunch, type ServerPlan, systemClock } from "@corral/kernel";
import { makeId } from "@corral/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { opencode } from "../opencode.ts";
import { homeOf, tidyHome, tidyHomes } from "./homes.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "corral-"));
});
afterEach(() => rm(dir, { recursive: true }));

interface Planned {
  readonly plan: ServerPlan;
  launch(): Promise<ServerLaunch & { readonly file: { readonly path: string; readonly text: string } }>;
}

let sessions = 0;

/** The driver is real; only the server is not started. */
async function planned(over: Partial<ConnectNeed>, daemon: object = {}): Promise<Planned> {
  const asked = Promise.withResolvers<ServerPlan>();
  sessions += 1;
  const stateDir = join(dir, "sessions", `ses_${sessions}`);
  const tempDir = join(dir, "run");
  for (const one of [stateDir, tempDir]) await mkdir(one, { recursive: true });
  const { options, ...rest } = over;
  const need = {
    ...{ clock: systemClock, cwd: dir, stateDir, secrets, settings: {}, mcpServers: [] },
    hostEnv: { PATH: "/bin", HOME: "/users/someone" },
    signal: new AbortController().signal,
    programs: { node: "/node", bin: (name: string) => `/programs/${name}` },
    servers: Object.assign(daemon, {
      dir: join(dir, "servers"),
      ensureRunning: (plan: ServerPlan) => {
        asked.resolve(plan);
        return Promise.reject(new Error("enough was seen"));
      },
    }),
    options: { runtime: "serve", baseUrl, ...options },
    ...rest,
  } as unknown as ConnectNeed;
  await expect(opencode.connect(need)).rejects.toThrow("enough was seen");
  const plan = await asked.promise;
  const run = makeId("run", 0, new Uint8Array(16));
  let file = { path: "", text: "" };
  const writePrivate = async (path: string, written: string) => {
    file = { path: join(tempDir, path), text: written };
    return file.path;
  };
  return { plan, launch: async () => ({ ...(await plan.launch({ run, tempDir, writePrivate })), file }) };
}

const secrets = { OPENAI_API_KEY: "sk-scoped-1", ANTHROPIC_API_KEY: "sk-other-2" };
const baseUrl = "http://127.0.0.1:4010/v1";

test("a gateway, its models and the agent's key stand in a private file that the server is pointed to (C-01, CR-04)", async () => {
  const { launch } = await planned({ options: { baseUrl, model: "m", models: ["n"], contextWindow: 1000 } });
  const { file, env, command, args } = await launch();
  expect([command, ...args.slice(0, 3)]).toEqual(["/programs/opencode", "serve", "--hostname", "127.0.0.1"]);
  expect(env.OPENCODE_CONFIG).toBe(file.path);
  const { provider, enabled_providers: enabled, model } = JSON.parse(file.text);
  expect([enabled, model]).toEqual([["gateway"], "gateway/m"]);
  expect(provider.gateway.npm).toBe("@ai-sdk/openai-compatible");
  expect(provider.gateway.options).toEqual({ baseURL: baseUrl, apiKey: "sk-scoped-1" });
  expect(Object.keys(provider.gateway.models)).toEqual(["m", "n"]);
  expect(provider.gateway.models.m.limit).toEqual({ context: 1000, output: 8192 });
});

test("with a gateway no key is in the environment, where every shell would find it (C-01)", async () => {
  const { env, file, args } = await (await planned({ options: { model: "m" } })).launch();
  expect(JSON.stringify([env, args])).not.toMatch(/sk-(scoped|other)/);
  expect(file.text).not.toContain("sk-other-2");
});

test("what a workspace configures changes neither the gateway nor what is asked for", async () => {
  const { env } = await (await planned({ options: { model: "m" } })).launch();
  const open = JSON.parse(env.OPENCODE_CONFIG_CONTENT ?? "{}");
  expect(open.permission).toEqual({ bash: "ask", edit: "ask", webfetch: "ask" });
  expect(open.provider.gateway.options).toEqual({ baseURL: baseUrl });
});

test("a server has a password that only its launch knows, and a home of its own", async () => {
  const { launch } = await planned({});
  const [one, other] = [await launch(), await launch()];
  expect(one.env.OPENCODE_SERVER_PASSWORD).toMatch(/^[0-9a-f]{48}$/);
  expect(one.env.OPENCODE_SERVER_PASSWORD).not.toBe(other.env.OPENCODE_SERVER_PASSWORD);
  const login = Buffer.from(`opencode:${one.env.OPENCODE_SERVER_PASSWORD}`).toString("base64");
  expect(one.headers).toEqual({ authorization: `Basic ${login}` });
  for (const name of ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"])
    expect(one.env[name]?.startsWith(join(dir, "servers"))).toBe(true);
});

test("sessions share a server when all that it knows is the same for them, and their directories may differ (A-06)", async () => {
  const { plan } = await planned({});
  const elsewhere = join(dir, "elsewhere");
  await mkdir(elsewhere);
  expect((await planned({ cwd: elsewhere })).plan.key).toBe(plan.key);
  const mcpServers = [{ name: "notes", command: "/notes", args: [], env: [{ name: "TOKEN", value: "t" }] }];
  const others: readonly Partial<ConnectNeed>[] = [
    { secrets: { OPENAI_API_KEY: "sk-scoped-9" } },
    { options: { baseUrl: "http://127.0.0.1:4011/v1" } },
    { options: { baseUrl, model: "m" } },
    { options: { baseUrl, login: "host" } },
    { mcpServers },
  ];
  const keys = await Promise.all(others.map(async (over) => (await planned(over)).plan.key));
  expect(new Set([plan.key, ...keys]).size).toBe(others.length + 1);
  expect([plan.key, ...keys].join()).not.toContain("sk-");
});

test("MCP servers stand in the private file, and what may be a key in them is kept out of what the server says", async () => {
  const env = [{ name: "TOKEN", value: "tok-5" }];
  const mcpServers = [
    { name: "notes", command: "/notes", args: ["a"], env },
    { name: "far", type: "http", url: "https://mcp.example/", headers: [{ name: "authorization", value: "tok-6" }] },
  ];
  const launched = await (await planned({ mcpServers })).launch();
  expect(JSON.parse(launched.file.text).mcp).toEqual({
    notes: { type: "local", command: ["/notes", "a"], environment: { TOKEN: "tok-5" } },
    far: { type: "remote", url: "https://mcp.example/", headers: { authorization: "tok-6" } },
  });
  expect(JSON.stringify(launched.env)).not.toMatch(/tok-[56]/);
  expect(Object.values(launched.secrets ?? {})).toEqual(expect.arrayContaining(["tok-5", "tok-6", "sk-scoped-1"]));
});

test("the server says where it listens, and nothing else is taken for it", async () => {
  const { plan } = await planned({});
  expect(plan.address("opencode server listening on http://127.0.0.1:4096")).toBe("http://127.0.0.1:4096");
  expect(plan.address("Warning: OPENCODE_SERVER_PASSWORD is not set")).toBeUndefined();
});

const digest = "a".repeat(32);
const shared = () => join(dir, "servers", "opencode");
const sessionAt = async (name: string) => {
  const stateDir = join(dir, "sessions", name);
  await mkdir(stateDir, { recursive: true });
  return stateDir;
};

test("a session stays where its conversation is, also with another key", async () => {
  const stateDir = await sessionAt("ses_a");
  const { id, dir: at } = await homeOf({ dir: shared(), stateDir, digest });
  expect(await homeOf({ dir: shared(), stateDir, digest: "b".repeat(32) })).toMatchObject({ id, dir: at });
});

test("conversations of a removed session are told, and a home goes with the last session", async () => {
  const [one, other] = [await sessionAt("ses_a"), await sessionAt("ses_b")];
  const home = await homeOf({ dir: shared(), stateDir: one, digest });
  await home.note("ses_native_a");
  await homeOf({ dir: shared(), stateDir: other, digest });
  expect(await home.forgotten()).toEqual([]);
  await rm(one, { recursive: true });
  expect([...(await home.forgotten())].sort()).toEqual(["ses_a", "ses_native_a"]);
  await home.forget("ses_native_a");
  expect(await home.forgotten()).toEqual(["ses_a"]);
  await tidyHome(home.dir);
  expect(existsSync(home.dir)).toBe(true);
  await rm(other, { recursive: true });
  await tidyHomes(shared());
  expect(await readdir(join(shared(), "homes"))).toEqual([]);
});

test("homes that could not be tidied keep one session from a server, and not every one after it", async () => {
  const daemon = {};
  await mkdir(shared(), { recursive: true });
  await writeFile(join(shared(), "homes"), "in the way");
  await expect(planned({}, daemon)).rejects.toThrow("ENOTDIR");
  await rm(join(shared(), "homes"));
  await planned({}, daemon);
});

test("the name of a configuration is the same in every life of a daemon, and nobody can guess a key by it", async () => {
  const { plan } = await planned({});
  expect((await planned({})).plan.key).toBe(plan.key);
  const salt = await readFile(join(shared(), "salt"), "utf8");
  expect(salt).toMatch(/^[0-9a-f]{64}$/);
  await rm(join(shared(), "salt"));
  expect((await planned({})).plan.key).not.toBe(plan.key);
});
