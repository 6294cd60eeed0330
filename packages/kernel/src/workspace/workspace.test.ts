/** A workspace is one directory and nothing outside it, by descriptors and by names. */
import { execFileSync } from "node:child_process";
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { byDescriptor, byName } from "./footing.ts";
import { maxFileBytes } from "./text-file.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

let base: string;
let root: string;
let outside: string;

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), "corral-")));
  root = join(base, "root");
  outside = join(base, "outside");
  await mkdir(root);
  await mkdir(outside);
  await writeFile(join(outside, "secret.txt"), "secret");
});

afterEach(() => rm(base, { recursive: true, force: true }));

const refusal = (code: string) => expect.objectContaining({ code });

test("a workspace is an existing directory, named by its absolute path", async () => {
  await writeFile(join(root, "file"), "");
  for (const path of [join(root, "none"), join(root, "file"), "relative", "", `${root}\0`]) {
    await expect(openWorkspace(path)).rejects.toEqual(refusal("workspace.missing"));
  }
});

test("a workspace may be opened by a link, and its files named by either path", async () => {
  await symlink(root, join(base, "alias"));
  await symlink(base, join(base, "third"));
  await using workspace = await openWorkspace(join(base, "alias"));
  expect(workspace.root).toBe(root);
  await workspace.writeText(join(base, "alias", "a.txt"), "by alias");
  expect(await workspace.readText(join(root, "a.txt"))).toBe("by alias");
  expect(await workspace.readText(join(base, "third", "root", "a.txt"))).toBe("by alias");
});

test("a workspace whose directory was replaced by a link is missing", async () => {
  await using workspace = await openWorkspace(root);
  await rename(root, join(base, "moved"));
  await symlink(outside, root);
  await expect(workspace.readText("secret.txt")).rejects.toEqual(refusal("workspace.missing"));
});

describe.each([
  ["descriptors", byDescriptor],
  ["names", byName],
])("held by %s", (means, footing) => {
  const skipped = means === "descriptors" && process.platform !== "linux";
  let workspace: Workspace;

  beforeEach(async ({ skip }) => {
    skip(skipped, "only Linux lets us work through descriptors");
    workspace = await openWorkspace(root, { footing });
  });
  afterEach(() => workspace?.[Symbol.asyncDispose]());

  test("a text that was written is read back, by relative and by absolute path", async () => {
    await workspace.writeText("a/b/ü ☃.txt", "\ufeffwörds\r\n");
    expect(await workspace.readText(join(root, "a/./b/../b//ü ☃.txt"))).toBe("\ufeffwörds\r\n");
    expect(await readdir(join(root, "a/b"))).toEqual(["ü ☃.txt"]);
  });

  test("lines are counted from 1 and keep their ends", async () => {
    await workspace.writeText("t", "one\ntwo\r\nthree");
    const read = (line?: number, limit?: number) => workspace.readText("t", { line, limit });
    expect(await read(2)).toBe("two\r\nthree");
    expect(await read(0, 1)).toBe("one\n");
    expect(await read(2, 1)).toBe("two\r\n");
    expect(await read(undefined, 9)).toBe("one\ntwo\r\nthree");
    expect(await read(3, 0)).toBe("");
    expect(await read(4)).toBe("");
  });

  test("a file that is replaced keeps its mode, and no draft is left beside it", async () => {
    await writeFile(join(root, "run.sh"), "old");
    await chmod(join(root, "run.sh"), 0o751);
    await workspace.writeText("run.sh", "new");
    expect((await stat(join(root, "run.sh"))).mode & 0o7777).toBe(0o751);
    expect(await readdir(root)).toEqual(["run.sh"]);
  });

  test("writes beside each other leave one whole text", async () => {
    const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(50_000));
    await Promise.all(texts.map((text) => workspace.writeText("x/y", text)));
    expect(texts).toContain(await workspace.readText("x/y"));
    expect(await readdir(join(root, "x"))).toEqual(["y"]);
  });

  test("links that stay inside are followed, for reading and for writing, also to what is not there yet", async () => {
    await mkdir(join(root, "real/deep"), { recursive: true });
    await symlink("real/deep", join(root, "short"));
    await symlink(join(root, "real"), join(root, "absolute"));
    await symlink("../../root/real/new.txt", join(root, "real/around"));
    await symlink("short/../t", join(root, "up"));
    await workspace.writeText("short/a", "a");
    await workspace.writeText("absolute/b", "b");
    await workspace.writeText("real/around", "through");
    await workspace.writeText("up", "t");
    expect(await readFile(join(root, "real/deep/a"), "utf8")).toBe("a");
    expect(await readFile(join(root, "real/b"), "utf8")).toBe("b");
    expect(await readFile(join(root, "real/new.txt"), "utf8")).toBe("through");
    expect(await readFile(join(root, "real/t"), "utf8")).toBe("t");
  });

  test("`..`, absolute paths and links that lead out are refused, and nothing is made on the way (invariant 9)", async () => {
    await mkdir(`${root}-sibling`);
    await symlink(outside, join(root, "out"));
    await symlink("../outside/secret.txt", join(root, "final"));
    await symlink("out", join(root, "chain"));
    await symlink("../outside/new.txt", join(root, "dangling"));
    const ways = [
      "../outside/secret.txt",
      "..",
      "../",
      "/",
      "/etc/passwd",
      `${root}-sibling/x`,
      `${root}/../outside/secret.txt`,
    ];
    ways.push(
      "out/secret.txt",
      "final",
      "chain/secret.txt",
      "dangling",
      "a/../../outside/x",
      join(outside, "secret.txt"),
    );
    await mkdir(join(root, "a"));
    for (const way of ways) {
      await expect(workspace.readText(way), way).rejects.toEqual(refusal("workspace.escape"));
      await expect(workspace.writeText(way, "x"), way).rejects.toEqual(refusal("workspace.escape"));
    }
    await expect(workspace.directory("out")).rejects.toEqual(refusal("workspace.escape"));
    expect(await readdir(outside)).toEqual(["secret.txt"]);
    expect(await readFile(join(outside, "secret.txt"), "utf8")).toBe("secret");
    expect(await readdir(base)).toEqual(["outside", "root", "root-sibling"]);
  });

  test("links that go round in circles are refused", async () => {
    await symlink("b", join(root, "a"));
    await symlink("a", join(root, "b"));
    await expect(workspace.readText("a")).rejects.toEqual(refusal("file.refused"));
    await expect(workspace.writeText("a/x", "")).rejects.toEqual(refusal("file.refused"));
  });

  test("pipes, sockets, devices and directories are refused and never waited for", async () => {
    execFileSync("mkfifo", [join(root, "pipe")]);
    await mkdir(join(root, "folder"));
    const server = createServer().listen(join(root, "socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    for (const path of ["pipe", "socket", "folder", "folder/", ".", "", "pipe/x", "new/", "new/."]) {
      if (!path.startsWith("new"))
        await expect(workspace.readText(path), path).rejects.toEqual(refusal("file.refused"));
      await expect(workspace.writeText(path, ""), path).rejects.toEqual(refusal("file.refused"));
    }
    await new Promise((resolve) => server.close(resolve));
    await using devices = await openWorkspace("/dev", { footing });
    await expect(devices.readText("zero")).rejects.toEqual(refusal("file.refused"));
  });

  test("a missing file is told as missing, with its path", async () => {
    for (const path of ["none", "none/at/all", join(root, "none")]) {
      const refused = expect.objectContaining({ code: "file.missing", message: expect.stringContaining(path) });
      await expect(workspace.readText(path)).rejects.toEqual(refused);
    }
  });

  test("what is larger than the limit is neither read nor written", async () => {
    const file = await open(join(root, "large"), "w");
    await file.truncate(maxFileBytes + 1);
    await expect(workspace.readText("large")).rejects.toEqual(refusal("file.refused"));
    await file.truncate(maxFileBytes);
    expect(await workspace.readText("large")).toHaveLength(maxFileBytes);
    await file.close();
    await expect(workspace.writeText("huge", "x".repeat(maxFileBytes + 1))).rejects.toEqual(refusal("file.refused"));
  });

  test("a file that is not UTF-8 is refused, for written back it would be damaged", async () => {
    await writeFile(join(root, "latin"), Buffer.from([0x63, 0x61, 0x66, 0xe9]));
    await expect(workspace.readText("latin")).rejects.toEqual(refusal("file.refused"));
  });

  test("a refusal tells the path as it was asked and never by what way it was reached", async () => {
    const name = "x".repeat(300);
    await expect(workspace.writeText(`d/${name}`, "")).rejects.toSatisfy((error: Error) => {
      expect(error).toEqual(refusal("file.refused"));
      return error.message.includes(`d/${name}`) && !error.message.includes("/proc/");
    });
  });

  test("a directory is answered by its real path", async () => {
    await mkdir(join(root, "real"));
    await symlink("real", join(root, "link"));
    expect(await workspace.directory("link/")).toBe(join(root, "real"));
    expect(await workspace.directory(".")).toBe(root);
  });

  test("closing waits for what is being written, and refuses what comes after", async () => {
    const writing = workspace.writeText("last", "x");
    await workspace[Symbol.asyncDispose]();
    expect(await readFile(join(root, "last"), "utf8")).toBe("x");
    await writing;
    await expect(workspace.readText("last")).rejects.toEqual(refusal("file.refused"));
  });
});
