/** What is found out of pinned packages, with a registry of the tests' own. */
import { harnesses } from "@corral/drivers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRegistry, type Registry } from "../../packages/kernel/src/agents/registry.fixture.ts";
import { askRegistry, findingOf, pinsOf, tableOf } from "./pins.ts";

let registry: Registry;
beforeAll(async () => {
  registry = await openRegistry([
    { name: "zeta", version: "1.0.0" },
    { name: "zeta", version: "1.1.0" },
    { name: "lonely", version: "0.3.0" },
  ]);
});
afterAll(() => registry[Symbol.asyncDispose]());

const audit = async (name: string, version: string, url = registry.url) => {
  const env = { ...process.env, npm_config_registry: url };
  return findingOf({ agent: "zeta", name, version }, await askRegistry(name, env));
};

test.each([
  ["zeta", "1.1.0", "newest", "1.1.0"],
  ["zeta", "1.0.0", "older", "1.1.0"],
  ["zeta", "0.9.0", "gone", "1.1.0"],
  ["lonely", "0.3.0", "newest", "0.3.0"],
  ["nobody", "1.0.0", "gone", ""],
])("a pin of %s@%s is found to be %s (D-10)", { timeout: 120_000 }, async (name, version, verdict, newest) => {
  expect(await audit(name, version)).toMatchObject({ verdict, newest });
});

test("a registry that cannot be reached makes no pin gone, and says why (D-10)", { timeout: 120_000 }, async () => {
  const finding = await audit("zeta", "1.0.0", "http://127.0.0.1:9/");
  expect(finding).toMatchObject({ verdict: "unknown", why: expect.stringContaining("ECONNREFUSED") });
});

test("every package of every driver is audited, and the table has a line for each (D-10)", () => {
  const pins = pinsOf(harnesses);
  expect(pins.map(({ agent }) => agent)).toEqual(
    expect.arrayContaining(["claude", "codex", "gemini", "opencode", "pi"]),
  );
  const table = tableOf(pins.map((pin) => findingOf(pin, { versions: [pin.version], newest: pin.version })));
  expect(table.split("\n")).toHaveLength(pins.length + 1);
  expect(table).toMatch(/^agent +package +pinned +newest$/m);
});
