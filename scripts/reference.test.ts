/** The reference pages say what the sources say. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "vitest";
import { root } from "./house/source.ts";

const execute = promisify(execFile);

test("the pages of faults, events, commands and operations fit their tables (DR-12)", {
  timeout: 120_000,
}, async () => {
  await execute(process.execPath, [join(root, "scripts/reference.ts"), "--check"]);
});
