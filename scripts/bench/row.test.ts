/** Which rows of the bench are measured. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { chosenRows, type Row } from "./row.ts";

const rows: readonly Row[] = ["start", "health", "prompt"].map((name) => ({
  name,
  says: name,
  measure: async () => [],
}));
const names = (wanted: readonly string[]) => chosenRows(rows, wanted).map(({ name }) => name);

test("rows are chosen by name, in their own order, and all where none is named", () => {
  expect(names(["prompt", "start"])).toEqual(["start", "prompt"]);
  expect(names([])).toEqual(["start", "health", "prompt"]);
});

test.each([["speed"], ["--speed"]])(
  "`npm run bench %s` is refused with the rows that there are, and measures nothing",
  (word) => {
    const program = join(import.meta.dirname, "..", "bench.ts");
    const { status, stderr, stdout } = spawnSync(process.execPath, [program, word], { encoding: "utf8" });
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("speed");
    expect(stderr).toContain("Rows: cold-start, ");
    expect(stderr).not.toContain("    at ");
  },
);
