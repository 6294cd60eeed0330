/** What it means when something for the real harnesses is not there: on a laptop a part is left out, in CI it is a failure. */
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

/** A failure that no case has found. */
export interface Lack {
  readonly what: string;
  readonly why: string;
}

export const lackOf = ({ id, why }: Missing): Lack => ({
  what: `the real ${id}`,
  why: `It is neither installed nor to be had, and in CI it has to be there. ${why}`,
});

/** Root can take the network away, unless the system forbids it to everybody: in CI that is a failure, for nothing is proven then. */
export function lackOfWall(need: { readonly inCi: boolean; readonly isRoot: boolean }): Lack | undefined {
  if (!need.inCi || !need.isRoot) return undefined;
  const why = "The network could not be taken away (unshare --net), so nothing shows that nobody phones home.";
  return { what: "no network for the real harnesses", why };
}

export const wallLine = "The network could not be taken away here: that nobody phones home is skipped, not proven.";

/** The report with one failure more for each thing that had to be there. */
export function withLacks(report: TestReport = nothing, lacks: readonly Lack[]): TestReport {
  const failures = lacks.map(({ what, why }) => ({ name: what, status: "failed", message: why, assertionResults: [] }));
  return {
    ...report,
    numFailedTests: report.numFailedTests + failures.length,
    testResults: [...report.testResults, ...failures],
  };
}
