/** Copying what a harness remembers while the harness goes on living in it. */
import { execFile } from "node:child_process";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyTree } from "./copy-tree.ts";

let root: string;
let [from, to]: [string, string] = ["", ""];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "corral-"));
  [from, to] = [join(root, "from"), join(root, "to")];
  await mkdir(join(from, "deep/folder"), { recursive: true, mode: 0o700 });
});
afterEach(() => rm(root, { recursive: true, force: true }));

test("files that come and go while a session is forked do not keep it from being forked (AR-19)", async () => {
  await writeFile(join(from, "deep/history"), "kept");
  let over = false;
  const lock = async (at: number) => {
    const path = join(from, at % 2 ? "deep/folder" : "deep", `.lock-${at}`);
    while (!over) {
      await mkdir(path);
      await writeFile(join(path, "owner"), "me");
      await rm(path, { recursive: true });
    }
  };
  const locks = Array.from({ length: 8 }, (_, at) => lock(at));
  try {
    for (let round = 0; round < 40; round += 1) {
      await copyTree(from, join(to, String(round)));
      expect(await readFile(join(to, String(round), "deep/history"), "utf8")).toBe("kept");
    }
  } finally {
    over = true;
    await Promise.all(locks);
  }
});

test("a copy has what it was made of: folders, files, rights and links, and no pipe (AR-19)", async () => {
  await writeFile(join(from, "deep/key"), "secret", { mode: 0o600 });
  await writeFile(join(from, "deep/run"), "#!/bin/sh\n", { mode: 0o755 });
  await symlink("key", join(from, "deep/link"));
  await symlink("/nowhere/at/all", join(from, "deep/away"));
  await promisify(execFile)("mkfifo", [join(from, "deep/pipe")]);
  await copyTree(from, to);
  expect((await readdir(join(to, "deep"))).sort()).toEqual(["away", "folder", "key", "link", "run"]);
  const modes = await Promise.all(
    ["deep", "deep/key", "deep/run"].map(async (one) => (await stat(join(to, one))).mode),
  );
  expect(modes.map((mode) => (mode & 0o777).toString(8))).toEqual(["700", "600", "755"]);
  expect(await readlink(join(to, "deep/link"))).toBe("key");
  expect((await lstat(join(to, "deep/away"))).isSymbolicLink()).toBe(true);
});

const nobody = 65_534;

/** Root may write anywhere; so root lets somebody else copy. */
async function copyAsAnybody(): Promise<void> {
  if (process.getuid?.() !== 0) return await copyTree(from, to);
  const module = new URL("./copy-tree.ts", import.meta.url).href;
  // It reads the program as root, for the program may lie where nobody else can read.
  const code = `
    const { copyTree } = await import(${JSON.stringify(module)});
    process.setgroups([]), process.setgid(${nobody}), process.setuid(${nobody});
    await copyTree(process.argv[1], process.argv[2]);`;
  await promisify(execFile)("chown", ["-R", `${nobody}:${nobody}`, root]);
  await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code, from, to]);
}

test("a folder that is read-only is copied with what is in it, and is read-only again (AR-19)", async () => {
  await writeFile(join(from, "deep/folder/history"), "kept");
  await chmod(join(from, "deep/folder"), 0o500);
  await copyAsAnybody();
  expect(await readFile(join(to, "deep/folder/history"), "utf8")).toBe("kept");
  expect((await stat(join(to, "deep/folder"))).mode & 0o777).toBe(0o500);
  for (const side of [from, to]) await chmod(join(side, "deep/folder"), 0o700);
});

test("what cannot be written is an error, and not a smaller copy", async () => {
  await writeFile(join(from, "deep/history"), "kept");
  await writeFile(to, "a file is in the way");
  await expect(copyTree(from, to)).rejects.toMatchObject({ code: "EEXIST" });
});
