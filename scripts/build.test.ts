/** The built package as a person gets it: packed, installed offline into an empty directory, and used from there. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const run = promisify(execFile);
let folder = "";

/** Nothing of the sources' surroundings is within reach of what was installed. */
const env = (): Record<string, string> => ({ PATH: process.env.PATH ?? "", HOME: folder, TMPDIR: join(folder, "tmp") });
const installed = (): string => join(folder, "app/node_modules/corral");
const executable = (): string => join(folder, "app/node_modules/.bin/corral");
const corral = (...args: readonly string[]) => run(executable(), [...args], { cwd: join(folder, "app"), env: env() });

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "corral-")));
  for (const name of ["app", "tmp"]) await mkdir(join(folder, name));
  const npm = (...args: readonly string[]) => run("npm", [...args], { cwd: folder, env: env() });
  await run(process.execPath, [join(root, "scripts/build.ts"), "--out", join(folder, "dist")]);
  await npm("pack", "./dist", "--offline");
  const packed = (await readdir(folder)).find((name) => name.endsWith(".tgz")) ?? "";
  await npm("install", "--offline", "--no-audit", "--no-fund", "--prefix", "app", join(folder, packed));
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

test("the package brings everything it needs and depends on nothing", async () => {
  const manifest = JSON.parse(await readFile(join(installed(), "package.json"), "utf8"));
  expect(manifest).toMatchObject({ name: "corral", bin: { corral: "lib/corral.js" } });
  expect(manifest.dependencies).toBeUndefined();
  expect(await readdir(join(folder, "app/node_modules"))).not.toContain("zod");
});

test("the package names the licences of what it carries, and no directory of the machine that built it", async () => {
  expect(await readFile(join(installed(), "THIRD-PARTY.txt"), "utf8")).toMatch(/^zod [\d.]+ \(MIT\)$/m);
  for (const name of await readdir(join(installed(), "lib"))) {
    expect(await readFile(join(installed(), "lib", name), "utf8"), name).not.toContain(root);
  }
});

test("an installed corral plays a turn with its scripted agent", async () => {
  const { stdout } = await corral("run", "--json", "--allow", "Say hello");
  expect(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ outcome: "completed", exitCode: 0 });
}, 60_000);

test("an installed corral finds itself in order", async () => {
  const { stdout } = await corral("doctor", "--json");
  expect(JSON.parse(stdout)).not.toContainEqual(expect.objectContaining({ level: "fail" }));
}, 60_000);

test("an installed corral proves a part of what it promises", async () => {
  const { stdout } = await corral("proof", "--quick", "--only", "orphan", "--json");
  const [matrix] = JSON.parse(stdout);
  expect(matrix).toMatchObject({ proof: "matrix", failed: 0 });
  expect(matrix.passed).toBeGreaterThan(0);
}, 240_000);

test("an installed corral serves the API with its document, and stops when it is told to", async () => {
  const daemon = spawn(executable(), ["serve", "--port", "0"], { env: env(), stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(daemon, "exit");
  try {
    const [first] = await once(createInterface({ input: daemon.stdout }), "line");
    const url = /http:\S+/.exec(String(first))?.[0];
    expect(await (await fetch(`${url}/v1/health`)).json()).toMatchObject({ status: "ok" });
    expect(await (await fetch(`${url}/openapi.json`)).json()).toMatchObject({ info: { title: "Corral" } });
    expect(await (await fetch(`${url}/docs`)).text()).toContain("/v1/sessions");
  } finally {
    daemon.kill("SIGTERM");
  }
  expect(await ended).toEqual([0, null]);
}, 60_000);

test("an installed corral keeps its compiled code for the next start", () => {
  expect(existsSync(join(folder, ".cache/corral"))).toBe(true);
});
