/** What the tests of proofs run in: a temporary directory, the real executable and the machine's own time. */
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@corral/kernel";
import { expect, inject, type TestOptions, test } from "vitest";
import { mayNotSkip, type Proof, type ProofContext, type Proved } from "./proof.ts";

const program = inject("corral");

export const hostEnv: Readonly<Record<string, string>> = { PATH: process.env.PATH ?? "", LANG: "C.UTF-8" };

const why = "CI plays the whole of which this is a part, in a step of its own: scripts/verify.ts";

/** A test of a part of what CI plays as a whole. */
export const partTest = (says: string, options: TestOptions, body: () => Promise<void>): void =>
  test(says, options, async ({ skip }) => {
    skip(Boolean(process.env.CI), why);
    await body();
  });

/** Runs the small part of a proof; its seed is in the message of a failure. */
export async function runQuick(proof: Proof, over: Partial<ProofContext> = {}): Promise<Proved> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "corral-")));
  const stop = new AbortController();
  try {
    return await proof.run({
      corral: [process.execPath, program],
      hostEnv,
      folder,
      clock: systemClock,
      signal: stop.signal,
      quick: true,
      tell: () => undefined,
      ...over,
    });
  } finally {
    stop.abort(new Error("the test is over"));
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export function expectProved({ rows, seed, passed, failed, skipped }: Proved): void {
  expect(
    rows.flatMap(({ name, failures }) => failures.map((why) => `${name}: ${why}`)),
    `seed ${seed}`,
  ).toEqual([]);
  expect([passed + skipped, failed]).toEqual([rows.length, 0]);
  if (mayNotSkip()) expect(rows.flatMap((row) => row.skipped ?? [])).toEqual([]);
}
