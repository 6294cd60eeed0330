/** `corral model-stub` as a person starts it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";

const program = inject("corral");

let folder: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "corral-"));
});

afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "close");
  }
  await rm(folder, { recursive: true });
});

/** Starts it; `hears` resolves with all that it said once the pattern is in it. */
function start(...args: readonly string[]) {
  const started = spawn(process.execPath, [program, "model-stub", ...args], { cwd: folder, env: { HOME: folder } });
  child = started;
  let said = "";
  const closed = once(started, "close").then(([code]) => code as number);
  const hears = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = () => pattern.test(said) && resolve(said);
      for (const stream of [started.stdout, started.stderr]) stream.on("data", look);
      void closed.then(() => (pattern.test(said) ? resolve(said) : reject(new Error(said))));
      look();
    });
  for (const stream of [started.stdout, started.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  }
  return { hears, closed, interrupt: () => started.kill("SIGINT") };
}

test("a story is served, its base addresses are told, and Ctrl-C ends it with success", async () => {
  await writeFile(join(folder, "story.yaml"), "rules: [{ when: ping, steps: [{ text: pong }] }]\n");
  const { hears, closed, interrupt } = start("--story", "story.yaml", "--port", "0");
  const said = await hears(/__journal/);
  const base = /Anthropic Messages +(\S+)/.exec(said)?.[1] ?? "";
  expect(said).toContain(`ANTHROPIC_BASE_URL=${base}`);
  const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "ping" }] });
  const answer = await (await fetch(`${base}/v1/messages`, { method: "POST", body })).json();
  expect(answer).toMatchObject({ content: [{ type: "text", text: "pong" }] });
  interrupt();
  expect(await closed).toBe(0);
});

test("what is wrong with a story is told with its line, and nothing is served", async () => {
  await writeFile(join(folder, "story.yaml"), "rules:\n  - steps:\n      - txt: hi\n");
  const { hears, closed } = start("--story", "story.yaml");
  expect(await hears(/do: /)).toContain("story.yaml:3: rules[0].steps[0].txt: unknown step 'txt'");
  expect(await closed).toBe(1);
});

test("a story that is not there is told as such", async () => {
  const { hears, closed } = start("--story", "gone.yaml");
  expect(await hears(/do: /)).toContain("gone.yaml cannot be read");
  expect(await closed).toBe(1);
});
