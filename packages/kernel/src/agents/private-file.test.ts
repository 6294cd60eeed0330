/** Files that may hold a key, looked at from outside. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../ports/clock.system.ts";
import { removePrivate, writePrivateIn } from "./private-file.ts";

let root: string;
let dir: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "corral-"));
  dir = join(root, "state");
  await mkdir(dir);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const chance = (bytes: number) => systemClock.chance(bytes);
const write = (path: string, text: string) => writePrivateIn({ dir, chance })(path, text);
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

test.each(["000", "022", "077", "777"])(
  "under umask %s a file is its owner's alone, and so is its folder (CR-04)",
  async (umask) => {
    const code = `
    const { writePrivateIn } = await import(${JSON.stringify(new URL("private-file.ts", import.meta.url).href)});
    process.umask(0o${umask});
    const chance = (bytes) => new Uint8Array(bytes);
    console.log(await writePrivateIn({ dir: ${JSON.stringify(dir)}, chance })("codex/config.toml", "key"));`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code]);
    expect(await modeOf(stdout.trim())).toBe("600");
    expect(await modeOf(join(dir, "codex"))).toBe("700");
    expect(await modeOf(join(dir, ".private-files"))).not.toMatch(/[1-7].$/);
    expect(await readFile(join(dir, "codex/config.toml"), "utf8")).toBe("key");
  },
);

test("another text takes the place of the first, and no draft stays (CR-04)", async () => {
  await write("a/b.json", "one");
  expect(await write("a/b.json", "two")).toBe(join(dir, "a/b.json"));
  expect(await readFile(join(dir, "a/b.json"), "utf8")).toBe("two");
  expect(await readdir(join(dir, "a"))).toEqual(["b.json"]);
});

test.each(["../out", "/etc/out", "a/../../out", "", ".", "a\nb"])(
  "%j is refused: it leaves the directory",
  async (path) => {
    await expect(write(path, "x")).rejects.toThrow("is not inside");
  },
);

test("a folder that a harness has turned into a link to elsewhere is refused (invariant 9)", async () => {
  await mkdir(join(root, "elsewhere"));
  await symlink(join(root, "elsewhere"), join(dir, "codex"));
  await expect(write("codex/config.toml", "key")).rejects.toThrow("is not inside");
  expect(await readdir(join(root, "elsewhere"))).toEqual([]);
});

test("what was written is removed with its harness, whatever else there is stays (CR-04)", async () => {
  await write("codex/config.toml", "key");
  await writeFile(join(dir, "codex/history"), "kept");
  await removePrivate(dir);
  expect(await readdir(dir)).toEqual(["codex"]);
  expect(await readdir(join(dir, "codex"))).toEqual(["history"]);
  await removePrivate(dir);
});

test("a list that a harness has forged removes nothing outside (invariant 9)", async () => {
  await mkdir(join(root, "elsewhere"));
  await writeFile(join(root, "elsewhere/kept"), "kept");
  await symlink(join(root, "elsewhere"), join(dir, "way"));
  await mkdir(join(dir, "a-folder"));
  await appendFile(join(dir, ".private-files"), "../elsewhere/kept\nway/kept\n\nmissing/x\na-folder\n");
  await removePrivate(dir);
  expect(existsSync(join(root, "elsewhere/kept"))).toBe(true);
});
