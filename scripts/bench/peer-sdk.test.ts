/** Whether the peer's SDK is taken only as far as it is what the bench asks by. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadPeerSdk } from "./peer-sdk.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "corral-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function publish(text: string): Promise<void> {
  const dist = join(folder, "node_modules", "sandbox-agent", "dist");
  await mkdir(dist, { recursive: true });
  await writeFile(join(dist, "..", "package.json"), '{"type":"module"}');
  await writeFile(join(dist, "index.js"), text);
}

const agent = "export class SandboxAgent { static async connect() {} async createSession() {} async dispose() {} }";

test("the peer's SDK is loaded from where it was fetched", async () => {
  await publish(`${agent}\nexport class Session { async prompt() {} onEvent() {} }`);
  expect((await loadPeerSdk(folder)).SandboxAgent.connect).toBeTypeOf("function");
});

test.each([
  [
    "an SDK that lacks a member",
    `${agent}\nexport class Session { async prompt() {} }`,
    "no Session.prototype.onEvent",
  ],
  ["an SDK that lacks a class", "export const version = 1;", "no SandboxAgent.connect"],
  ["an SDK that does not load", 'throw new Error("not on this engine");', "not on this engine"],
])("%s is refused with the reason, so that the bench can say so", async (_, text, why) => {
  await publish(text);
  await expect(loadPeerSdk(folder)).rejects.toThrow(why);
});

test("an SDK that was not fetched is refused", async () => {
  await expect(loadPeerSdk(folder)).rejects.toThrow(join("sandbox-agent", "dist", "index.js"));
});
