/** What a harness that is not there means: on a laptop a part that is left out, in CI a failure. */
import type { TestReport } from "../house/tally.ts";

export interface Missing {
  readonly id: string;
  readonly why: string;
}

export const missingLine = ({ id, why }: Missing, inCi: boolean): string =>
  inCi
    ? `${id}: FAILED, for it is neither installed nor to be had: ${why}`
    : `${id}: skipped, for it is missing: ${why}`;

const nothing: TestReport = { numPassedTests: 0, numFailedTests: 0, testResults: [] };

/** The report with one failure more for each harness that had to be there. */
export function withMissing(report: TestReport = nothing, missing: readonly Missing[]): TestReport {
  const failures = missing.map(({ id, why }) => ({
    name: `the real ${id}`,
    status: "failed",
    message: `It is neither installed nor to be had, and in CI it has to be there. ${why}`,
    assertionResults: [],
  }));
  return {
    ...report,
    numFailedTests: report.numFailedTests + failures.length,
    testResults: [...report.testResults, ...failures],
  };
}
