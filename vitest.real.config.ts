/** How the tests of the real harnesses run: two programs at a time, and only where `node scripts/real.ts` has prepared the ground. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/**/*.real.test.ts"],
    setupFiles: ["scripts/house/env-guard.ts"],
    pool: "forks",
    maxWorkers: 2,
    // Most of a case is waiting, for a program to start or for a model that is slow on purpose.
    maxConcurrency: 3,
    // A shared machine may pause for seconds; a case that fails twice is not unlucky, and one that fails once is named.
    retry: process.env.CI ? 1 : 0,
    teardownTimeout: 10_000,
    hookTimeout: 60_000,
    reporters: ["default"],
  },
});
