/** Counts what a test run says about itself, and keeps what a reader needs of each failure. */

/** The parts of vitest's JSON report that count. */
export interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

export interface Failure {
  readonly what: string;
  readonly why: string;
}

export interface Tally {
  readonly passed: number;
  readonly failures: readonly Failure[];
}

/** A file that could not even be read, or whose end failed, is one failure of its own. */
function failuresOf({
  name,
  status,
  message,
  assertionResults,
}: TestReport["testResults"][number]): readonly Failure[] {
  const failed = assertionResults.filter((one) => one.status === "failed");
  if (status === "failed" && (failed.length === 0 || message !== "")) {
    return [{ what: name, why: message }, ...failed.map((one) => failureOf(name, one))];
  }
  return failed.map((one) => failureOf(name, one));
}

const failureOf = (file: string, one: TestReport["testResults"][number]["assertionResults"][number]): Failure => ({
  what: `${file} > ${one.fullName}`,
  why: withoutRunner((one.failureMessages ?? []).join("\n")),
});

/** A stack without the lines of the test runner and of Node. */
const withoutRunner = (stack: string): string =>
  stack
    .split("\n")
    .filter((line) => !/^\s+at .*(node_modules|node:internal|new Promise)/.test(line))
    .join("\n");

/** What the run came to. A runner that failed without a failing test, such as by an unhandled rejection, failed once. */
export function tallyTests(report: TestReport | undefined, { code, output }: { code: number; output: string }): Tally {
  if (report === undefined) return { passed: 0, failures: [{ what: "the test run", why: lastLines(output, 60) }] };
  const failures = report.testResults.flatMap(failuresOf);
  const alone = code !== 0 && failures.length === 0;
  return {
    passed: report.numPassedTests,
    failures: alone ? [{ what: `the test run ended with ${code}`, why: lastLines(output, 60) }] : failures,
  };
}

export const lastLines = (text: string, count: number): string => text.trimEnd().split("\n").slice(-count).join("\n");
