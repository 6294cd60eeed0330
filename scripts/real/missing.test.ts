/** What becomes of the tests when a real program is not there. */
import { expect, test } from "vitest";
import { tallyTests } from "../house/tally.ts";
import { lackOf, lackOfWall, missingLine, withLacks } from "./missing.ts";

const zeta = { id: "zeta", why: "npm could not install zeta@1.0.0: code ENOTFOUND" };
const played = { numPassedTests: 24, numFailedTests: 0, testResults: [] };

test("a harness that is missing in CI is a failure beside whatever the others did", () => {
  const tally = tallyTests(withLacks(played, [lackOf(zeta)]), { code: 1, output: "" });
  expect(tally).toMatchObject({ passed: 24, failures: [{ what: "the real zeta" }] });
  expect(tally.failures[0]?.why).toContain("ENOTFOUND");
});

test("nothing played and nothing missing is no failure", () => {
  expect(tallyTests(withLacks(undefined, []), { code: 0, output: "" })).toEqual({ passed: 0, failures: [] });
});

test("a missing harness says why: as a failure in CI, as left out elsewhere", () => {
  expect(missingLine(zeta, true)).toMatch(/^zeta: FAILED, .*ENOTFOUND/);
  expect(missingLine(zeta, false)).toMatch(/^zeta: skipped, .*ENOTFOUND/);
});

test("a network that cannot be taken away is a failure for root in CI, and skipped elsewhere", () => {
  const lack = lackOfWall({ inCi: true, isRoot: true });
  expect(lack?.why).toContain("phones home");
  expect(tallyTests(withLacks(played, [lack!]), { code: 0, output: "" })).toMatchObject({
    passed: 24,
    failures: [lack],
  });
  expect(lackOfWall({ inCi: true, isRoot: false })).toBeUndefined();
  expect(lackOfWall({ inCi: false, isRoot: true })).toBeUndefined();
});
