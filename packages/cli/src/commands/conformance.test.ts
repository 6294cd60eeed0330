/** `corral conformance` as a person and a program use it: a card, a code, and a refusal that helps. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Home, linesOf, openHome } from "../cli.fixture.ts";

const agent = fileURLToPath(new URL("../../../conformance/src/agents/reference-agent.ts", import.meta.url));
const told = ["--env", "OPENAI_BASE_URL={model}/v1", "--env", "OPENAI_API_KEY=any"];

let home: Home;
beforeAll(async () => {
  home = await openHome();
});
afterAll(() => home[Symbol.asyncDispose]());

describe("corral conformance", () => {
  test("prints the card of an agent, its cases, and each case as it is played", async () => {
    const { code, stdout, stderr } = await home.corral([
      "conformance",
      "reference",
      "--only",
      "load",
      "--only",
      "close",
    ]);
    expect([code, linesOf(stderr).length], stdout + stderr).toEqual([0, 2]);
    expect(stderr).toMatch(/^\[1\/2\] load passed \(\d+\.\d s\)$/m);
    expect(stdout).toMatch(/^CARD +reference 1\.0\.0$/m);
    expect(stdout).toMatch(/^load +yes$/m);
    expect(stdout).toMatch(/^close frees processes +yes$/m);
    expect(linesOf(stdout).at(-1)).toBe("2 passed");
  });

  test("ends with 1 when a case fails, and the card for programs says why", async () => {
    const command = [process.execPath, agent, "--flaw", "drops-images"];
    const args = [
      "conformance",
      "--json",
      "--only",
      "image",
      "--only",
      "usage",
      "--jobs",
      "2",
      ...told,
      "--",
      ...command,
    ];
    const { code, stdout, stderr } = await home.corral(args);
    const card = JSON.parse(stdout);
    expect([code, card.images, card.usage], stderr).toEqual([1, false, true]);
    expect(card.cases.image).toEqual({ verdict: "failed", why: expect.stringContaining("did not reach the model") });
  });

  test("takes everything down when it is interrupted", async () => {
    const place = await mkdtemp(join(tmpdir(), "corral-"));
    const running = home.start(["conformance", "reference", "--jobs", "3"], { env: { TMPDIR: place } });
    await running.says(/passed/);
    running.child.kill("SIGINT");
    expect((await running.ended).code).toBe(130);
    expect(await readdir(place)).toEqual([]);
    await rm(place, { recursive: true });
  });

  test.each([
    [["--", "no-such-program"], /agent\.unusable/],
    [[], /no program to be tried/],
    [["opencode"], /agent\.not_installed/],
    [["reference", "--only", "everything"], /No case of this program is called "everything"/],
    [["reference", "--env", "NAME"], /is not NAME=VALUE/],
  ] as const)("%j is refused in three lines: what, why, what to do", async (args, pattern) => {
    const { code, stdout, stderr } = await home.corral(["conformance", ...args]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(pattern);
    expect(linesOf(stderr)).toHaveLength(3);
    expect(linesOf(stderr).at(-1)).toMatch(/^ {2}do: {2}\S/);
  });
});
