/** Whatever path is asked for, and whatever happens meanwhile, nothing outside a workspace is read or written. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isFault } from "@corral/protocol";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openWorkspace, type Workspace } from "./workspace.ts";

let base: string;
let root: string;
let outside: string;
let workspace: Workspace;

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), "corral-")));
  root = join(base, "root");
  outside = join(base, "outside");
  await mkdir(root);
  await mkdir(outside);
  await writeFile(join(outside, "secret.txt"), "secret");
  workspace = await openWorkspace(root);
});

afterEach(async () => {
  await workspace[Symbol.asyncDispose]();
  await rm(base, { recursive: true, force: true });
});

/** Every file outside the root, with what is in it. */
async function whatIsOutside(): Promise<Record<string, string>> {
  const top = (await readdir(base)).filter((name) => name !== "root");
  const below = await readdir(outside);
  const texts = await Promise.all(below.map(async (name) => [name, await readFile(join(outside, name), "utf8")]));
  return { top: top.join(), ...Object.fromEntries(texts) };
}

const openDescriptors = async () => (process.platform === "linux" ? (await readdir("/proc/self/fd")).length : 0);

const untouched = { top: "outside", "secret.txt": "secret" };

/** Reads and writes, and answers the faults that came; anything else that is thrown is a bug. */
async function tryBoth(path: string): Promise<readonly string[]> {
  const codes: string[] = [];
  for (const attempt of [() => workspace.writeText(path, "mine"), () => workspace.readText(path)]) {
    try {
      const text = await attempt();
      if (text !== undefined) expect(text).toBe("mine");
    } catch (error) {
      if (!isFault(error)) throw error;
      codes.push(error.code);
    }
  }
  return codes;
}

const names = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom("..", ".", "", "...", "a", "b", "out", "self", "secret.txt", "outside", "root"),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("..%2f", "..\\", "%2e%2e", "~", "\0", ".. ", "\u202e..", "．．", "x".repeat(256)),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 8 }) },
);

const weirdPaths = fc
  .tuple(
    fc.constantFrom("", "/", "//", "./", "../", "root:", "root:/", "root:/../", "proc:"),
    fc.array(names, { maxLength: 12 }),
    fc.constantFrom("", "/", "/."),
  )
  .map(([start, middle, end]) => {
    const from = start.replace("root:", root).replace("proc:", "/proc/self/root/");
    return `${from}${middle.join("/")}${end}`;
  });

test("no path whatever reads or writes outside (invariant 9, row D-43)", async () => {
  await mkdir(join(root, "a"));
  await symlink("../outside", join(root, "out"));
  await symlink(".", join(root, "self"));
  await symlink("/", join(root, "b"));
  const before = await openDescriptors();
  await fc.assert(
    fc.asyncProperty(weirdPaths, async (path) => {
      await tryBoth(path);
      expect(await whatIsOutside()).toEqual(untouched);
    }),
    { numRuns: 500, endOnFailure: true },
  );
  // Every one of these walks lets go of what it held, however it ended; a few belong to the test runner.
  expect(await openDescriptors()).toBeLessThan(before + 20);
}, 120_000);

test("names as archives smuggle them stay inside or are refused (invariant 9, row D-43)", async () => {
  const smuggled = [
    "../../../../etc/cron.d/x",
    "a/../../outside/x",
    "/outside/x",
    "..//..//outside/x",
    "./../outside/x",
  ];
  for (const name of smuggled) expect(await tryBoth(name), name).toEqual(["workspace.escape", "workspace.escape"]);
  for (const name of ["..\\..\\outside\\x", "C:\\x", "..%2f..%2foutside%2fx", "file:///etc/passwd"]) {
    expect(await tryBoth(name), name).toEqual([]);
  }
  expect(await whatIsOutside()).toEqual(untouched);
});

test("very long and very deep paths are refused without effort", async () => {
  const long = [`${"a/".repeat(5000)}x`, "x".repeat(10_000), "../".repeat(3000), `${"a/../".repeat(20_000)}x`];
  for (const path of long) expect(await tryBoth(path)).toEqual(["file.refused", "file.refused"]);
  await mkdir(join(root, "d/".repeat(600)), { recursive: true });
  const [down, up] = ["d/".repeat(600), "../".repeat(600)];
  expect(await tryBoth(`${down}x`)).toEqual([]);
  expect(await tryBoth(`${down}${up}x`)).toEqual(["file.refused", "file.refused"]);
});

test("while a directory swings between here and elsewhere, no write and no read gets out (invariant 9)", async () => {
  const fixture = join(import.meta.dirname, "swing.fixture.ts");
  const swinger = spawn(process.execPath, [fixture, root, outside], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(swinger, "exit");
  try {
    await once(swinger.stdout, "data");
    let inside = 0;
    let escapes = 0;
    for (let i = 0; i < 500; i++) {
      // The name of the secret each second time: it must neither be read nor replaced.
      const paths = [`swing/${i}`, `swing/${i}.txt`, "swing/secret.txt", "swing/secret.txt"];
      for (const codes of await Promise.all(paths.map(tryBoth))) {
        if (codes.includes("workspace.escape")) escapes++;
        if (codes.length === 0) inside++;
      }
    }
    expect(inside).toBeGreaterThan(0);
    expect(escapes).toBeGreaterThan(0);
    expect(await whatIsOutside()).toEqual(untouched);
  } finally {
    swinger.kill("SIGKILL");
    await ended;
  }
}, 120_000);
