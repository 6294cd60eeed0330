/** The guard around every test file sees what a test does to the environment. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { environmentChanges } from "./environment.ts";
import { root } from "./source.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "corral-"));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs one test file under the guard, in a vitest of its own. */
async function guarded(name: string, body: string): Promise<{ readonly passed: boolean; readonly output: string }> {
  const config = `export default { test: { include: ["${name}.test.ts"], setupFiles: [${JSON.stringify(join(import.meta.dirname, "env-guard.ts"))}] } };`;
  await writeFile(join(folder, `${name}.config.ts`), config);
  await writeFile(join(folder, `${name}.test.ts`), `import { test } from "vitest";\n${body}`);
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--root", folder, "--config", join(folder, `${name}.config.ts`)];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => resolve({ passed: !error, output: stdout + stderr }));
  });
}

test("names that were added, removed or changed are told, their values are not", () => {
  expect(environmentChanges({ A: "1", B: "secret", C: "3" }, { A: "1", C: "4", D: "5" })).toEqual([
    "B was removed",
    "C was changed",
    "D was added",
  ]);
});

test("a test file that leaves the environment changed fails (AR-17)", { timeout: 120_000 }, async () => {
  // Spelled so that this file itself names no write.
  const { passed, output } = await guarded("writes", `test("t", () => { process.${"env"}.LEFT_BEHIND = "secret"; });`);
  expect(output).toContain("LEFT_BEHIND was added");
  expect(output).not.toContain("LEFT_BEHIND: secret");
  expect(passed).toBe(false);
});

test("a test file that changes nothing passes under the guard (AR-17)", { timeout: 120_000 }, async () => {
  const { passed, output } = await guarded("reads", `test("t", () => { process.env.HOME; });`);
  expect(passed, output).toBe(true);
});
