/** What the documents say of the sources is so: the pages that are read off tables, and the files that are named. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
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

/** What a source names, found in its text: neither is exported, and neither needs to be. */
const namesIn = (source: string, pattern: RegExp): readonly string[] =>
  [...readFileSync(join(root, source), "utf8").matchAll(pattern)].map(({ groups }) => groups?.name ?? "");

test.each([
  ["steps", "stories", "packages/drivers/src/scripted/story-shape.ts", /^ {2}"?(?<name>[a-z-]+)"?: .*;$/gm],
  ["settings", "configuration", "packages/cli/src/settings.ts", /env: "(?<name>CORRAL_\w+)"/g],
] as const)("the page of %s names them all (DR-12)", (_, page, source, pattern) => {
  const names = namesIn(source, pattern);
  const text = readFileSync(join(root, "docs/reference", `${page}.md`), "utf8");
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});
