/** The cards of the real harnesses, their drivers and the cases say the same, and nothing but a card tells harnesses apart. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { harnesses } from "@corral/drivers";
import { describe, expect, test } from "vitest";
import { type Card, cardSchema } from "./card.ts";
import { cases } from "./cases/index.ts";
import { waysOf } from "./known.ts";
import { isFor, reasonAgainst } from "./play.ts";

const packages = join(import.meta.dirname, "../..");
const cardFile = (id: string): string => join(packages, "drivers/src/harness/cards", `${id}.json`);
const installed = harnesses.filter(({ install }) => install);

const cardOf = (id: string): Card => cardSchema.parse(JSON.parse(readFileSync(cardFile(id), "utf8")));

describe.each(installed)("the card of $id", (harness) => {
  const { id, install, capabilities } = harness;

  test("is of the version that its driver pins: after an upgrade it is measured again (D-10)", () => {
    const [pinned] = Object.values(install?.packages ?? {});
    expect(cardOf(id).version).toBe(pinned);
  });

  test("has every case, none of them failed, and leaves out exactly those for which its driver has a reason", () => {
    const wanted = cases.filter((one) => isFor(one, {}));
    const reasons = Object.fromEntries(
      wanted.map((one) => {
        const reason = reasonAgainst(one, { harness, ways: waysOf(id) });
        return [one.name, reason ?? { verdict: "passed" }];
      }),
    );
    expect(cardOf(id).cases).toEqual(reasons);
  });

  test("says of images, modes, MCP servers and permissions what its driver says (D-09)", () => {
    const { images, modeSwitch, mcp, permissionKinds } = cardOf(id);
    const { images: takes, planMode, mcpTools, permissions } = capabilities;
    expect({ images, modeSwitch, mcp, permissions: permissionKinds.length > 0 }).toEqual({
      images: takes,
      modeSwitch: planMode,
      mcp: mcpTools,
      permissions,
    });
  });

  test("leaves nothing behind and keeps its stdout clean", () => {
    const { residue, noise } = cardOf(id);
    expect(residue).toEqual([]);
    expect(noise?.strayLines).toBe(0);
  });
});

const sourcesOf = (name: string): readonly string[] =>
  readdirSync(join(packages, name, "src"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !/\.(test|fixture|conformance)\.ts$/.test(path))
    .map((path) => join(packages, name, "src", path));

test("nothing outside the drivers and the cases knows a harness by its name", () => {
  const names = new RegExp(`["'\`](${installed.map(({ id }) => id).join("|")})["'\`]`);
  const knowing = ["protocol", "kernel", "daemon", "client", "cli"]
    .flatMap(sourcesOf)
    // What a comment gives as an example decides nothing.
    .filter((path) => names.test(readFileSync(path, "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "")));
  expect(knowing).toEqual([]);
});
