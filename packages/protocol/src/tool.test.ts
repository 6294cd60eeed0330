/** What a tool produced, in each of the shapes that harnesses use. */
import { expect, test } from "vitest";
import { readToolOutput } from "./tool.ts";

const read = (update: Readonly<Record<string, unknown>>) =>
  readToolOutput({ sessionUpdate: "tool_call_update", toolCallId: "c", ...update });
const content = (...texts: readonly string[]) =>
  texts.map((text) => ({ type: "content", content: { type: "text", text } }));

test("content text is the whole output so far, and wins over the raw one (OpenCode, Claude)", () => {
  expect(read({ content: content("a", "b"), rawOutput: { output: "raw" } })).toEqual({
    added: "",
    diffs: [],
    whole: "ab",
  });
});

test.each([
  ["a text", "raw"],
  ["an output", { output: "raw", metadata: {} }],
  ["a stdout", { stdout: "raw", stderr: "no" }],
  ["a formatted output", { formatted_output: "raw", exit_code: 0 }],
])("raw output alone is read from %s", (_shape, rawOutput) => {
  expect(read({ rawOutput })).toEqual({ added: "", diffs: [], whole: "raw" });
});

test("terminal output in _meta is added to what was there (Codex, Pi)", () => {
  const terminal = [{ type: "terminal", terminalId: "t" }];
  expect(read({ content: terminal, _meta: { terminal_output_delta: { data: "x" } } })).toEqual({
    added: "x",
    diffs: [],
  });
  expect(read({ _meta: { terminal_output: { data: "y" }, terminal_exit: { exit_code: 3 } } })).toEqual({
    added: "y",
    diffs: [],
    exitCode: 3,
  });
  expect(read({ _meta: { terminal_exit: { exit_code: null, signal: "SIGTERM" } } })).toEqual({ added: "", diffs: [] });
});

test("differences are read with and without what was there before", () => {
  const diffs = [
    { type: "diff", path: "a", oldText: null, newText: "1" },
    { type: "diff", path: "b", oldText: "0", newText: "1" },
    { type: "diff", path: "c" },
  ];
  expect(read({ content: diffs }).diffs).toEqual([
    { path: "a", newText: "1" },
    { path: "b", oldText: "0", newText: "1" },
  ]);
});

test.each([
  { content: null },
  { content: "x" },
  { content: [null, 7, "x", {}] },
  { rawOutput: null },
  { rawOutput: [1] },
  { _meta: 7 },
])("%j holds no output and does no harm", (update) => {
  expect(read(update)).toEqual({ added: "", diffs: [] });
});
