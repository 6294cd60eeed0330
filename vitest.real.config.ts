/** How the tests of the real harnesses run: two programs at a time, and only where `node scripts/real.ts` has prepared the ground. */
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { keepUnderWay } from "./scripts/real/under-way.ts";

/** Where `scripts/real.ts` wants to be told. */
const { CORRAL_REAL_REPORT: report, CORRAL_REAL_UNDER_WAY: underWay } = process.env;

/** By how long they take, so that no long one is left for the end, where half of the machine would be idle. */
const longest = ["opencode.real", "opencode-serve", "claude", "gemini", "pi", "opencode-shared", "logins"];

const rankOf = ({ moduleId }: TestSpecification): number => {
  const rank = longest.findIndex((name) => moduleId.includes(`/${name}`));
  return rank < 0 ? longest.length : rank;
};

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((one, other) => rankOf(one) - rankOf(other));
  }
}

export default defineConfig({
  test: {
    include: ["packages/**/*.real.test.ts"],
    setupFiles: ["scripts/house/env-guard.ts"],
    pool: "forks",
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // Most of a case is waiting, for a program to start or for a model that is slow on purpose.
    maxConcurrency: 3,
    // A shared machine may pause for seconds; a case that fails twice is not unlucky, and one that fails once is named.
    retry: process.env.CI ? 1 : 0,
    teardownTimeout: 10_000,
    hookTimeout: 60_000,
    reporters: [
      "default",
      ...(report ? [["json", { outputFile: report }] as const] : []),
      ...(underWay ? [keepUnderWay(underWay)] : []),
    ],
  },
});
