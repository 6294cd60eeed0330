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

export interface ProofNeed {
  /** The proofs without which there is no report. */
  readonly wanted: readonly string[];
  /** Whoever may do everything wants the whole: what could not be tried has not passed. */
  readonly mayNotSkip: boolean;
}

type Result = TestReport["testResults"][number];

function resultOf({ proof, seed, rows }: ProvedPart, mayNotSkip: boolean): Result {
  const assertionResults = rows.map(({ name, failures, skipped }) => {
    const left = failures.length === 0 && skipped !== undefined;
    const complaints = left && mayNotSkip ? [`could not be tried here: ${skipped}`] : failures;
    const whole = left ? "skipped" : "passed";
    return {
      fullName: `${name} (seed ${seed})`,
      status: complaints.length === 0 ? whole : "failed",
      failureMessages: complaints,
    };
  });
  const failed = assertionResults.some(({ status }) => status === "failed");
  return { name: `proof ${proof}`, status: failed ? "failed" : "passed", message: "", assertionResults };
}

/** What has not been played has not been shown, whatever the code that the program ended with. */
const absent = (proof: string): Result => ({
  name: `proof ${proof}`,
  status: "failed",
  message: "It was to be played, and the report has nothing of it.",
  assertionResults: [],
});

export function proofReport(said: string, { wanted, mayNotSkip }: ProofNeed): TestReport {
  const parts = JSON.parse(said) as readonly ProvedPart[];
  const played = parts.filter(({ rows }) => rows.length > 0);
  const missing = wanted.filter((name) => !played.some(({ proof }) => proof === name));
  const testResults = [...played.map((part) => resultOf(part, mayNotSkip)), ...missing.map(absent)];
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const count = (wish: string): number => all.filter(({ status }) => status === wish).length;
  return { numPassedTests: count("passed"), numFailedTests: count("failed") + missing.length, testResults };
}

/** What nobody but root could have tried, for whoever reads the summary; nothing when all was tried. */
export function skippedLine({ testResults }: TestReport): string | undefined {
  const left = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter((one) => one.status === "skipped"),
  );
  if (left.length === 0) return undefined;
  return `${left.length} skipped, for this user may not play them (root may): ${left.map(({ fullName }) => fullName).join(", ")}`;
}
