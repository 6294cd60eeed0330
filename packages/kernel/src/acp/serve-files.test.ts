/** A harness reads and writes files through its client, in the protocol's words. */
import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openWorkspace, type Workspace } from "../workspace/workspace.ts";
import { serveFiles } from "./serve-files.ts";

let base: string;
let workspace: Workspace;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "corral-"));
  await mkdir(join(base, "root"));
  workspace = await openWorkspace(join(base, "root"));
});

afterEach(async () => {
  await workspace[Symbol.asyncDispose]();
  await rm(base, { recursive: true, force: true });
});

const call = (method: string, params: unknown) =>
  serveFiles(workspace)[method]!(params, { signal: new AbortController().signal });

const read = (rest: object) => call("fs/read_text_file", { sessionId: "s", ...rest });
const write = (rest: object) => call("fs/write_text_file", { sessionId: "s", ...rest });
const error = (code: number, words: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(words) });

test("a harness writes a file and reads lines of it", async () => {
  const path = join(workspace.root, "new/w.txt");
  expect(await write({ path, content: "one\ntwo\n" })).toEqual({});
  expect(await readFile(path, "utf8")).toBe("one\ntwo\n");
  expect(await read({ path })).toEqual({ content: "one\ntwo\n" });
  expect(await read({ path, line: 2, limit: 1, _meta: {} })).toEqual({ content: "two\n" });
  expect(await read({ path, line: null, limit: null })).toEqual({ content: "one\ntwo\n" });
});

test("a missing file is told as not found, with its path, so that a harness goes on to make it", async () => {
  const path = join(workspace.root, "none.txt");
  await expect(read({ path })).rejects.toEqual(error(-32002, `Resource not found: ${path}`));
});

test("a path that leads out of the workspace is an invalid parameter (invariant 9)", async () => {
  await symlink("/etc", join(workspace.root, "etc"));
  for (const path of ["/etc/passwd", "../x", "etc/passwd"]) {
    await expect(read({ path })).rejects.toEqual(error(-32602, path));
    await expect(write({ path, content: "" })).rejects.toEqual(error(-32602, path));
  }
});

test("what cannot be read is an error that says why", async () => {
  await expect(read({ path: workspace.root })).rejects.toEqual(error(-32603, "directory"));
});

test("parameters of another shape are refused by the name of the field", async () => {
  await expect(read({ path: 5 })).rejects.toEqual(error(-32602, "path"));
  await expect(read({ path: "a", line: -1 })).rejects.toEqual(error(-32602, "line"));
  await expect(read({ path: "a\0b" })).rejects.toEqual(error(-32602, "NUL"));
  await expect(write({ path: "a" })).rejects.toEqual(error(-32602, "content"));
  await expect(call("fs/read_text_file", undefined)).rejects.toEqual(error(-32602, "params"));
});
