/** What the documents say is true: blocks that run are run, links lead somewhere, examples work (rows AR-20, DR-12). */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runBlock, startDaemon } from "./house/blocks.ts";
import { expectNone } from "./house/law.ts";
import { fencesOf, linksOf, runnablesOf } from "./house/markdown.ts";
import { repositoryFiles, type TextFile } from "./house/places.ts";
import { linesOf } from "./house/sizes.ts";
import { root } from "./house/source.ts";
import { openStage, type Stage } from "./house/stage.ts";

const files = repositoryFiles();
const documents = files.filter(({ path }) => path.endsWith(".md") && !path.startsWith("fixtures/"));
const examples = files.filter(({ path }) => /^examples\/[^/]+\.ts$/.test(path) && !path.endsWith(".test.ts"));

/** A stage with a daemon around the tests of one group. */
function stageForAll(): () => Stage {
  let stage: Stage | undefined;
  beforeAll(async () => {
    stage = await openStage();
    await startDaemon(stage);
  }, 90_000);
  afterAll(async () => stage?.[Symbol.asyncDispose](), 60_000);
  return () => {
    if (!stage) throw new Error("the stage is not open");
    return stage;
  };
}

/** Where a link of a document leads, as a path of the repository; nothing for other sites and for places in the same page. */
function pathOf(document: TextFile, target: string): string | undefined {
  const [path = ""] = target.split("#");
  if (path === "" || /^[a-z][a-z+.-]*:/i.test(path)) return undefined;
  return path.startsWith("/") ? path.slice(1) : join(dirname(document.path), decodeURI(path));
}

describe("in every document", () => {
  test("every fenced block names its language (AR-20)", () => {
    expectNone(
      documents.flatMap(({ path, text }) =>
        fencesOf(text)
          .filter(({ language }) => language === "")
          .map(({ line }) => ({ path, line, why: "a fenced block without a language" })),
      ),
    );
  });

  test("every link to a file leads to a file that exists", () => {
    expectNone(
      documents.flatMap((document) =>
        linksOf(document.text).flatMap(({ line, target }) => {
          const path = pathOf(document, target);
          const leads = path === undefined || existsSync(join(root, path));
          return leads ? [] : [{ path: document.path, line, why: `${target} leads nowhere` }];
        }),
      ),
    );
  });

  test("the README fits on two screens: at most 120 lines", () => {
    const readme = documents.find(({ path }) => path === "README.md");
    expect(linesOf(readme?.text ?? "")).toBeLessThanOrEqual(120);
  });

  test("a decision fits on a page: at most 60 lines", () => {
    const long = documents.filter(({ path, text }) => path.startsWith("decisions/") && linesOf(text) > 60);
    expect(long.map(({ path }) => path)).toEqual([]);
  });
});

const telling = documents.filter(({ text }) => runnablesOf(text).length > 0);

test("there are documents with blocks to run, and examples", () => {
  expect(telling.map(({ path }) => path)).toContain("README.md");
  expect(examples.length).toBeGreaterThan(0);
});

describe.each(telling)("the blocks of $path run (DR-12)", ({ path, text }) => {
  const stage = stageForAll();
  test.each(runnablesOf(text))("line $line: $language", { timeout: 90_000 }, (block) => runBlock(stage(), path, block));
});

describe("the examples run (DR-12)", () => {
  const stage = stageForAll();
  test.each(examples)("$path", { timeout: 90_000 }, async ({ path }) => {
    const { code, output } = await stage().run("node", [join(root, path)]);
    if (code !== 0) throw new Error(`${path} ended with ${code}\n\nIt printed:\n${output}`);
  });
});
