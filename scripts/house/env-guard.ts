/** Runs around every test file and fails it when it leaves the environment or the working directory changed (row AR-17). */
import { afterAll } from "vitest";
import { environmentChanges } from "./environment.ts";

// Taken before the test file is imported, so that its top level is watched too.
const before = { ...process.env };
const folder = process.cwd();

afterAll(() => {
  const changes = [...environmentChanges(before, process.env)];
  if (process.cwd() !== folder) changes.push("the working directory was changed");
  if (changes.length > 0) throw new Error(`This test file changed what it shares with others: ${changes.join(", ")}`);
});
