/** The last line of the one command counts what really happened. */
import { expect, test } from "vitest";
import { proofReport } from "./proof-report.ts";
import { runStep } from "./steps.ts";
import { type TestReport, tallyTests } from "./tally.ts";

const file = (status: string, message: string, results: readonly (readonly [string, string])[]) => ({
  name: "a.test.ts",
  status,
  message,
  assertionResults: results.map(([fullName, result]) => ({
    fullName,
    status: result,
    failureMessages: result === "failed" ? ["because"] : [],
  })),
});

const reportOf = (...testResults: TestReport["testResults"][number][]): TestReport => ({
  numPassedTests: testResults.flatMap((one) => one.assertionResults).filter((one) => one.status === "passed").length,
  numFailedTests: 0,
  testResults,
});

test("every failing test is told with its file and its reason", () => {
  const report = reportOf(
    file("failed", "", [
      ["it works", "passed"],
      ["it holds", "failed"],
    ]),
  );
  expect(tallyTests(report, { code: 1, output: "" })).toEqual({
    passed: 1,
    failures: [{ what: "a.test.ts > it holds", why: "because" }],
  });
});

test("a test file that cannot be read is a failure", () => {
  const { failures } = tallyTests(reportOf(file("failed", "no such module", [])), { code: 1, output: "" });
  expect(failures).toEqual([{ what: "a.test.ts", why: "no such module" }]);
});

test("a file whose end fails is a failure although all its tests passed", () => {
  const { passed, failures } = tallyTests(reportOf(file("failed", "afterAll", [["it works", "passed"]])), {
    code: 1,
    output: "",
  });
  expect([passed, failures.length]).toEqual([1, 1]);
});

test("a run that fails outside of its tests is a failure, and so is one without a report", () => {
  const outcome = { code: 1, output: "unhandled rejection" };
  expect(tallyTests(reportOf(file("passed", "", [["it works", "passed"]])), outcome).failures[0]?.why).toBe(
    "unhandled rejection",
  );
  expect(tallyTests(undefined, outcome).failures).toHaveLength(1);
});

test("a program that cannot be started is told, not thrown", async () => {
  const { code, output } = await runStep({ command: "corral-has-no-such-program", args: [], show: false });
  expect(code).toBe(127);
  expect(output).toContain("corral-has-no-such-program could not be started");
});

test("a step runs under the repository's own Node", async () => {
  const { code, output } = await runStep({ command: "node", args: ["--version"], show: false });
  expect([code, output.slice(0, 4)]).toEqual([0, "v24."]);
});

test("what a proof found is counted like tests: a row that could not be tried has not passed", () => {
  const rows = [
    { name: "kept", failures: [] },
    { name: "lost", failures: ["an event is missing"] },
    { name: "full disk", failures: [], skipped: "only root may mount one" },
  ];
  const report = proofReport(JSON.stringify([{ proof: "matrix", seed: 7, rows }]), {
    wanted: ["matrix"],
    mayNotSkip: true,
  });
  expect(tallyTests(report, { code: 1, output: "" })).toEqual({
    passed: 1,
    failures: [
      { what: "proof matrix > lost (seed 7)", why: "an event is missing" },
      { what: "proof matrix > full disk (seed 7)", why: "could not be tried here: only root may mount one" },
    ],
  });
});
