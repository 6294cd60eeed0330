/** How the tests run: three processes for two cores, for many of them wait, and a guard around every file. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { maybeBadLuck } from "./scripts/house/luck.ts";

/** What the programs that tests start have compiled, kept from one start to the next. */
const compiled = join(tmpdir(), `corral-compiled-${process.pid}`);

export default defineConfig({
  test: {
    include: ["packages/**/*.test.ts", "scripts/**/*.test.ts"],
    // The real harnesses are installed first, and have their own configuration.
    exclude: ["**/node_modules/**", "**/.*/**", "**/*.real.test.ts"],
    env: { NODE_COMPILE_CACHE: compiled },
    provide: { compiled },
    globalSetup: ["scripts/house/built.ts"],
    setupFiles: ["scripts/house/env-guard.ts"],
    pool: "forks",
    maxWorkers: 3,
    // A shared machine may pause for seconds; a test that fails three times in a row is not unlucky.
    retry: process.env.CI ? { count: 2, condition: maybeBadLuck } : 0,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    reporters: ["default"],
  },
});
