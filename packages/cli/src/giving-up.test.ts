/** What a shell is told of an agent that dies again and again: that Corral has given it up, why, and not with a zero. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Home, linesOf, openHome, resultOf } from "./cli.fixture.ts";

let home: Home;
beforeAll(async () => {
  home = await openHome();
});
afterAll(() => home[Symbol.asyncDispose]());

const typesIn = (stdout: string): readonly string[] =>
  linesOf(stdout).map((line) => (JSON.parse(line) as { readonly type: string }).type);

test("an agent that dies young again and again is given up: exit code 5, the reason, and nothing is started (BR-06)", async () => {
  await home.serve();
  const file = await home.write("dies.json", JSON.stringify({ name: "dies", turns: [{ steps: [{ exit: 7 }] }] }));
  const first = await home.corral(["run", "--json", "--story", file, "x"]);
  const again = (...args: readonly string[]) => home.corral(["run", "--session", "last", ...args, "once more"]);
  const runs = [first];
  while (runs.length < 4) runs.push(await again("--json"));
  for (const run of runs) {
    expect([run.code, resultOf(run).fault?.code]).toEqual([5, "harness.crashed"]);
    expect(typesIn(run.stdout)).toContain("harness.exited");
  }

  const last = await again("--json");
  expect(last.code).toBe(5);
  expect(resultOf(last)).toMatchObject({ outcome: "failed", exitCode: 5, fault: { code: "harness.crash_loop" } });
  expect(typesIn(last.stdout).filter((type) => type.startsWith("harness."))).toEqual([]);

  const { code, stdout, stderr } = await again();
  expect([code, stdout]).toEqual([5, ""]);
  expect(stderr).toMatch(/harness\.crash_loop/);
  expect(stderr).toMatch(/died more than 3 times within 120 s, each time soon after its start/);
  expect((await home.corral(["ps", "--json"])).stdout.trim()).toBe("[]");
});
