/** What is told of a run that had to be ended. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runStep } from "../house/steps.ts";
import { keepUnderWay, readUnderWay } from "./under-way.ts";

test("what is under way is known at every moment, with the cases by their names", async () => {
  const folder = await mkdtemp(join(tmpdir(), "corral-"));
  const path = join(folder, "under-way");
  const [zeta, eta] = [{ relativeModuleId: "zeta.real.test.ts" }, { relativeModuleId: "eta.real.test.ts" }];
  const [greet, fork] = ["greet: a greeting comes", "fork: a fork knows"].map((name) => ({ name, module: zeta }));
  try {
    expect(readUnderWay(path)).toEqual([]);
    const kept = keepUnderWay(path);
    for (const module of [zeta, eta]) kept.onTestModuleStart(module);
    for (const one of [greet!, fork!]) kept.onTestCaseReady(one);
    expect(readUnderWay(path)).toEqual(["zeta.real.test.ts: greet, fork", "eta.real.test.ts"]);
    kept.onTestCaseResult(greet!);
    kept.onTestModuleEnd(eta);
    expect(readUnderWay(path)).toEqual(["zeta.real.test.ts: fork"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a step that takes too long is ended, also one that is deaf to a polite end", async () => {
  const deaf = `process.on("SIGTERM", () => {}); console.log("begun"); setInterval(() => {}, 1000);`;
  const ends = new AbortController();
  const step = runStep({ command: "node", args: ["-e", deaf], show: false, ends: ends.signal, graceMs: 200 });
  ends.abort();
  expect(await step).toMatchObject({ code: 1, output: expect.stringContaining("was ended by SIG") });
});
