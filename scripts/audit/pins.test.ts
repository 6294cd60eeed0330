/** What is found out of pinned packages, with a registry of the tests' own. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { harnesses } from "@corral/drivers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askRegistry, findingOf, pinsOf, tableOf } from "./pins.ts";

const published: Readonly<Record<string, readonly string[]>> = { zeta: ["1.0.0", "1.1.0"], lonely: ["0.3.0"] };

/** Says which versions there are, as npm asks for them; nothing can be fetched. */
const registry = createServer(({ url = "" }, response) => {
  const name = decodeURIComponent(url.slice(1));
  const versions = published[name];
  response.writeHead(versions ? 200 : 404, { "content-type": "application/json" });
  const all = Object.fromEntries((versions ?? []).map((version) => [version, { name, version }]));
  response.end(JSON.stringify(versions ? { name, versions: all, "dist-tags": { latest: versions.at(-1) } } : {}));
});
let address = "";
beforeAll(async () => {
  await once(registry.listen(0, "127.0.0.1"), "listening");
  address = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
});
afterAll(() => {
  registry.closeAllConnections();
  registry.close();
});

const audit = async (name: string, version: string, url = address) => {
  const env = { ...process.env, npm_config_registry: url, npm_config_loglevel: "silent" };
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
