/** Any command that speaks ACP: played with the scripted agent's program, as if somebody had brought it along. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { harnessConformance } from "@corral/kernel/conformance/harness";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { customHarness, withCustom } from "./custom.ts";

const program = fileURLToPath(new URL("../scripted/program.ts", import.meta.url));
const story = { turns: [{ steps: ["quote"] }, { steps: ["history"] }] };

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "corral-"));
  await writeFile(join(root, "story.json"), JSON.stringify(story));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Its directory is known only when the tests run. */
const args = ["-c", 'exec "$0" "$1" --story "$STORY"', process.execPath, program];
const env = Object.defineProperty({}, "STORY", { enumerable: true, get: () => join(root, "story.json") });
const skip = "the story of this agent has no such turn";

harnessConformance("custom", customHarness("mine", { command: "/bin/sh", args, env }), {
  say: "a word to remember",
  ask: { skip },
  hang: { skip },
  crash: { skip },
  history: "history",
});

describe("a custom agent", () => {
  test("is called by its name where it has no title, and needs no key where it names none", () => {
    expect(customHarness("mine", { command: "agent" })).toMatchObject({ id: "mine", title: "mine", keyless: true });
    const keyed = customHarness("mine", { command: "agent", title: "Mine", secrets: ["MY_KEY"] });
    expect(keyed).toMatchObject({ title: "Mine", secrets: ["MY_KEY"], keyless: false });
  });

  test("has the card of an agent that keeps to the protocol, but for what its owner says", () => {
    const { capabilities } = customHarness("mine", {
      command: "agent",
      capabilities: { images: true, mcpTools: false },
    });
    expect(capabilities).toMatchObject({ images: true, mcpTools: false, toolCalls: true, permissions: true });
  });

  test("stands beside the built-in ones, and never in the place of one", () => {
    const builtIn = [customHarness("first", { command: "agent" })];
    expect(withCustom(builtIn, { mine: { command: "agent" } }).map(({ id }) => id)).toEqual(["first", "mine"]);
    expect(() => withCustom(builtIn, { first: { command: "other" } })).toThrow(/"first".* is built in/);
  });
});
