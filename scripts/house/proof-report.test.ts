/** What a proof says of itself, as a report: nothing may pass for proven that was not played. */
import { expect, test } from "vitest";
import { proofReport, skippedLine } from "./proof-report.ts";
import { tallyTests } from "./tally.ts";

const names = ["matrix", "torture", "runs", "fuzz"];
const all = names.map((proof) => ({ proof, seed: 7, rows: [{ name: "kept", failures: [] as string[] }] }));
const told = (parts: readonly object[], need = { wanted: names, mayNotSkip: true }) =>
  tallyTests(proofReport(JSON.stringify(parts), need), { code: 0, output: "" });

test("a report that has every proof, each with its rows, has no failure", () => {
  expect(told(all)).toEqual({ passed: 4, failures: [] });
});

test("a proof that the report lacks is a failure, whatever the program ended with", () => {
  expect(told(all.filter(({ proof }) => proof !== "torture"))).toMatchObject({
    passed: 3,
    failures: [{ what: "proof torture", why: expect.stringContaining("nothing of it") }],
  });
  expect(told([]).failures.map(({ what }) => what)).toEqual(names.map((name) => `proof ${name}`));
});

test("a proof without rows is as good as none", () => {
  const hollow = all.map((part) => (part.proof === "fuzz" ? { ...part, rows: [] } : part));
  expect(told(hollow).failures.map(({ what }) => what)).toEqual(["proof fuzz"]);
});

test("a part that was asked for needs no other", () => {
  expect(told(all.slice(0, 1), { wanted: [], mayNotSkip: true })).toEqual({ passed: 1, failures: [] });
});

test("a row that could not be tried has failed for root; anybody else is told of it", () => {
  const why = "only root may mount a small disk";
  const parts = [{ proof: "matrix", seed: 7, rows: [{ name: "full disk", failures: [], skipped: why }] }];
  const need = (mayNotSkip: boolean) => ({ wanted: [], mayNotSkip });
  expect(told(parts, need(true)).failures).toMatchObject([{ why: expect.stringContaining(why) }]);
  expect(told(parts, need(false))).toEqual({ passed: 0, failures: [] });
  const report = proofReport(JSON.stringify(parts), need(false));
  expect(skippedLine(report)).toMatch(/^1 skipped, .*root may.*: full disk/);
  expect(skippedLine(proofReport(JSON.stringify(all), need(false)))).toBeUndefined();
});
