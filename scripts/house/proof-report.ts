/** Turns what `corral proof --json` says into a report that is counted as those of tests are. */
import type { TestReport } from "./tally.ts";

interface ProvedRow {
  readonly name: string;
  readonly failures: readonly string[];
  readonly skipped?: string;
}

interface ProvedPart {
  readonly proof: string;
  readonly seed: number;
  readonly rows: readonly ProvedRow[];
}

/** Whoever runs the whole wants the whole: what could not be tried has not passed. */
const complaintsOf = ({ failures, skipped }: ProvedRow): readonly string[] =>
  failures.length > 0 || skipped === undefined ? failures : [`could not be tried here: ${skipped}`];

const resultOf = ({ proof, seed, rows }: ProvedPart): TestReport["testResults"][number] => {
  const assertionResults = rows.map((row) => {
    const complaints = complaintsOf(row);
    return {
      fullName: `${row.name} (seed ${seed})`,
      status: complaints.length === 0 ? "passed" : "failed",
      failureMessages: complaints,
    };
  });
  const failed = assertionResults.some(({ status }) => status === "failed");
  return { name: `proof ${proof}`, status: failed ? "failed" : "passed", message: "", assertionResults };
};

export function proofReport(said: string): TestReport {
  const testResults = (JSON.parse(said || "[]") as readonly ProvedPart[]).map(resultOf);
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const numFailedTests = all.filter(({ status }) => status === "failed").length;
  return { numPassedTests: all.length - numFailedTests, numFailedTests, testResults };
}
