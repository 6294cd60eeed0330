/** The house laws over the whole tree: direction, size, words, types, doors and shape. */
import { describe, expect, test } from "vitest";
import { expectNone, median } from "./house/law.ts";
import { laws } from "./house/laws.ts";
import { decisions, looseVersions, manifests, placesNamedIn, repositoryFiles, unexplained } from "./house/places.ts";
import { unfinished } from "./house/shape.ts";
import { functionsOf, limits, linesOf } from "./house/sizes.ts";
import { readSources } from "./house/source.ts";

const sources = readSources();
const shipped = sources.filter((source) => !source.isTest);

describe("in every source file", () => {
  test.each(laws)("$says", (law) => {
    expectNone(sources.flatMap((source) => law.find(source)));
  });
});

describe("in the whole house", () => {
  test(`half of the files have at most ${limits.medianFileLines} lines`, () => {
    expect(median(shipped.map(({ text }) => linesOf(text)))).toBeLessThanOrEqual(limits.medianFileLines);
  });

  test(`half of the functions have at most ${limits.medianFunctionLines} lines`, () => {
    const lines = shipped.flatMap((source) =>
      functionsOf(source)
        .filter(({ named }) => named)
        .map((one) => one.lines),
    );
    expect(median(lines)).toBeLessThanOrEqual(limits.medianFunctionLines);
  });

  test("no file names a place that only one machine has", () => {
    expectNone(repositoryFiles().flatMap(placesNamedIn));
  });

  test("no document leaves anything for later", () => {
    const documents = repositoryFiles().filter(({ path }) => /\.(md|json|ya?ml)$/.test(path));
    expectNone(documents.flatMap(unfinished));
  });

  test("every dependency has one exact version", () => {
    expectNone(manifests().flatMap(looseVersions));
  });

  test("every dependency of a package has a decision that names it", () => {
    const pages = decisions();
    const packages = manifests().filter(({ path }) => path !== "package.json");
    expectNone(packages.flatMap((manifest) => unexplained(manifest, pages)));
  });
});
