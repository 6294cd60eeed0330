/** `corral demo`: shows what is promised, in time, and leaves nothing. */
import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Home, openHome } from "./cli.fixture.ts";

let home: Home;
beforeAll(async () => {
  home = await openHome();
});
afterAll(() => home[Symbol.asyncDispose]());

test("the demo shows an ask, a crash, a killed daemon and the recovery, and leaves nothing behind", {
  timeout: 90_000,
}, async () => {
  const { code, stdout, stderr } = await home.corral(["demo"], { env: { TMPDIR: home.work } });
  expect([code, stderr]).toEqual([0, ""]);
  for (const promise of [/you answer: allow/, /SIGKILL/, /none lost, none twice/, /no process, no port/, /Done in/]) {
    expect(stdout).toMatch(promise);
  }
  expect(await readdir(home.work)).toEqual([]);
});
