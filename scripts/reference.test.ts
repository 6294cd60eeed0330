/** What the documents say of the sources is so: the pages that are read off tables, and the files that are named. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { repositoryFiles } from "./house/places.ts";
import { root } from "./house/source.ts";

const execute = promisify(execFile);

test("the pages of faults, events, commands and operations fit their tables (DR-12)", {
  timeout: 120_000,
}, async () => {
  const checked = execute(process.execPath, [join(root, "scripts/reference.ts"), "--check"]);
  // A program that fails rejects with what it printed.
  const { stdout } = await checked.catch((failed: { readonly stdout: string }) => failed);
  expect(stdout).toBe("");
});

/** Sources as documents name them, with or without `packages/`. A recipe calls what is yet to be written zeta. */
const named = /\b(?:packages\/)?(?<path>(?:\w+\/src|scripts)\/[\w./-]+\.ts)\b/g;

test("every source that a document names is there (DR-12)", () => {
  const missing = repositoryFiles()
    .filter(({ path }) => path.endsWith(".md") && !path.startsWith("fixtures/"))
    .flatMap(({ path, text }) =>
      [...text.matchAll(named)]
        .map(({ groups }) => groups?.path ?? "")
        .filter((source) => !source.includes("zeta"))
        .filter((source) => !existsSync(join(root, source)) && !existsSync(join(root, "packages", source)))
        .map((source) => `${path}: ${source}`),
    );
  expect(missing).toEqual([]);
});
