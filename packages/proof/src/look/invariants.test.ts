/** What the checks of the invariants call broken. */
import { type Draft, makeId } from "@corral/protocol";
import { expect, test } from "vitest";
import { opened, write } from "../naive/book.ts";
import { noEvidence } from "./evidence.ts";
import { failuresOf } from "./invariants.ts";

const run = makeId("run", 0, new Uint8Array(16));
const stderr = { head: [], tail: [], totalLines: 0, truncated: false };
const launched: Draft = {
  type: "harness.started",
  source: "daemon",
  data: { run, how: "new", native: "n", can: [] },
};
const exited: Draft = {
  type: "harness.exited",
  source: "daemon",
  synthetic: true,
  data: { run, stderr, expected: false },
};
const empty = { run, processes: [], ports: [], sockets: [], directories: [] };
const residue: Draft = { type: "run.residue", source: "daemon", synthetic: true, data: empty };
const says = (...drafts: readonly Draft[]) => failuresOf({ ...noEvidence, log: write([opened, launched, ...drafts]) });

test("a run whose residue is told never, or twice, is called broken, and one whose residue is told once is not (invariant 10)", () => {
  const counted = (count: number) => ({ invariant: 10, says: `the residue of ${run} was told ${count} times` });
  expect(says(exited)).toContainEqual(counted(0));
  expect(says(exited, residue, residue)).toContainEqual(counted(2));
  expect(says(exited, residue).filter(({ invariant }) => invariant === 10)).toEqual([]);
});
