/** The home that a session's harness is given. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { gatewayOf, gatewayOptions } from "./gateway.ts";
import { closedRegistry, ownHome } from "./own-home.ts";

let stateDir: string;
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "corral-"));
});
afterEach(() => rm(stateDir, { recursive: true, force: true }));

test("every place that programs keep things in is the session's own, and its owner's alone (BR-01)", async () => {
  const { home, env } = await ownHome(stateDir);
  expect(env.HOME).toBe(home);
  const places = Object.entries(env).filter(([name]) => name === "HOME" || name.startsWith("XDG_"));
  expect(places).toHaveLength(6);
  for (const [name, place] of places) {
    expect(place, name).toMatch(stateDir);
    expect((await stat(place)).mode & 0o777, name).toBe(0o700);
  }
});

test("no harness reaches an npm registry unless it is given one", async () => {
  expect((await ownHome(stateDir)).env.npm_config_registry).toBe(closedRegistry);
  const registry = "https://registry.example/";
  expect((await ownHome(stateDir, { registry })).env.npm_config_registry).toBe(registry);
});

test("the options of a gateway are checked, and a driver's own ones may stand beside them", () => {
  expect(gatewayOptions.safeParse({ baseUrl: "file:///etc" }).success).toBe(false);
  expect(gatewayOptions.safeParse({ dialect: "smoke" }).success).toBe(false);
  expect(gatewayOptions.safeParse({ unknown: 1 }).success).toBe(false);
  const given = { baseUrl: "http://127.0.0.1:1/v1", dialect: "chat", login: "none", own: 1 } as const;
  expect(gatewayOf(given)).toEqual(given);
});
