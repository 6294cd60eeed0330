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
const run = (program: string, ...words: readonly string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, "..", program), ...words], { encoding: "utf8" });
const names = (wanted: readonly string[]) => chosenRows(rows, wanted).map(({ name }) => name);

test("rows are chosen by name, in their own order, and all where none is named", () => {
  expect(names(["prompt", "start"])).toEqual(["start", "prompt"]);
  expect(names([])).toEqual(["start", "health", "prompt"]);
});

test.each([["speed"], ["--speed"]])(
  "`npm run bench %s` is refused with the rows that there are, and measures nothing",
  (word) => {
    const { status, stderr, stdout } = run("bench.ts", word);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("speed");
    expect(stderr).toContain("Rows: cold-start, ");
    expect(stderr).not.toContain("    at ");
  },
);

test.each([
  ["bench.ts", ["--json", "--out <file>", "\n  cold-start   from the start of the process", "\n  harnesses    "]],
  ["real.ts", ["--report <file>", "--limit-seconds <n>", "\n  opencode ", "\n  claude "]],
])("`node scripts/%s --help` tells what can be asked of it, and does nothing else", (program, told) => {
  const { status, stderr, stdout } = run(program, "--help");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  for (const word of told) expect(stdout).toContain(word);
});
