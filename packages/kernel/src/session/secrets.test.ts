/** What a session is trusted with reaches its harness and is written down nowhere. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { echoHarness } from "../ports/harness.reference.ts";
import type { Connection, Harness } from "../ports/harness.ts";
import { blocks, openKit } from "./kit.fixture.ts";

const canary = "canary-5d0c7e91b2";

/** All that the daemon itself keeps: the store and what it heard on stderr. What a harness keeps for itself is its own. */
async function keptBytes(stateDir: string): Promise<string> {
  const names = await readdir(stateDir, { recursive: true, withFileTypes: true });
  const files = names.filter((one) => one.isFile() && !one.parentPath.includes(join(stateDir, "sessions")));
  const texts = await Promise.all(files.map((one) => readFile(join(one.parentPath, one.name), "latin1")));
  return texts.join("\n");
}

test("a harness that says its own secret whole, in pieces, in a tool's output, in a question and on stderr does not get it into the log (invariant 8)", async () => {
  await using kit = await openKit();
  const steps = [
    { env: {} },
    { say: { text: `in pieces: ${canary}.`, chunk: 3 } },
    { tool: { title: `Look at ${canary}`, kind: "execute", run: "echo $SCRIPTED_KEY; echo $SCRIPTED_KEY >&2" } },
    { ask: { title: `May I use ${canary}?` } },
    { stderr: `the key is ${canary}` },
    { exit: 3 },
  ];
  const actor = await kit.open([steps], {
    secrets: { SCRIPTED_KEY: canary },
    policy: { permissions: "allow", rules: [], deadlineMs: 1000, onExpire: "deny" },
  });
  const turn = await actor.play(`Use ${canary}`);
  expect(turn.output).toContain('"SCRIPTED_KEY":"[SCRIPTED_KEY]"');
  expect(turn.output).toContain("in pieces: [SCRIPTED_KEY].");
  expect(JSON.stringify(turn.fault)).toContain("the key is [SCRIPTED_KEY]");
  expect(await keptBytes(kit.stateDir)).not.toContain(canary);
});

test("an agent hears a prompt as it is kept, whether it begins at once or has to wait (invariant 8)", async () => {
  const heard: unknown[] = [];
  const harness: Harness = {
    ...echoHarness(),
    secrets: ["ECHO_KEY"],
    async connect(need) {
      const connection = await echoHarness().connect(need);
      const { started, forks, images, exited } = connection;
      const prompt: Connection["prompt"] = (said) => {
        heard.push(said);
        return connection.prompt(said);
      };
      const cancel = () => connection.cancel();
      return { started, forks, images, exited, prompt, cancel, close: (how) => connection.close(how) };
    },
  };
  await using kit = await openKit({ harnesses: [harness] });
  const { id } = await kit.kernel.sessions.open({ agent: harness.id, secrets: { ECHO_KEY: canary } });
  const actor = await kit.find(id);
  const turns = [await actor.prompt(`use ${canary}`), await actor.prompt(`use ${canary}`)];
  expect(turns.map(({ state }) => state)).toEqual(["running", "queued"]);
  for (const turn of turns) await actor.session.ended(turn.id);
  expect(heard).toEqual([blocks("use [ECHO_KEY]"), blocks("use [ECHO_KEY]")]);
});

test("a secret that only an MCP server refers to is not in what is kept of a harness's stderr either (invariant 8)", async () => {
  const harness: Harness = {
    ...echoHarness(),
    async connect(need) {
      const { run, cwd, secrets, mcpServers, processes } = need;
      const say = ["-c", 'printf "%s\\n" "$SAID" >&2'];
      const env = { SAID: JSON.stringify(mcpServers) };
      const child = await processes.spawn({ run, name: "says", command: "/bin/sh", args: say, cwd, env, secrets });
      await child.exited;
      return echoHarness().connect(need);
    },
  };
  await using kit = await openKit({ harnesses: [harness] });
  const { id } = await kit.kernel.sessions.open({
    agent: harness.id,
    mcpServers: [{ name: "tools", command: "tools", env: [{ name: "TOKEN", value: "Bearer $MCP_TOKEN" }] }],
    secrets: { MCP_TOKEN: canary },
  });
  await (await kit.find(id)).play("go");
  const kept = await keptBytes(join(kit.stateDir, "runs"));
  expect(kept).toContain('"value":"Bearer [MCP_TOKEN]"');
  expect(kept).not.toContain(canary);
});

test("a secret of an MCP server is given by its name: the harness gets the value, its own environment and the log do not (invariant 8)", async () => {
  const env = [
    { name: "TOKEN", value: "Bearer $MCP_TOKEN" },
    { name: "PLAIN", value: "$HOME" },
  ];
  const told: unknown[] = [];
  const harness: Harness = {
    ...echoHarness(),
    connect(need) {
      told.push(need.mcpServers, need.secrets);
      return echoHarness().connect(need);
    },
  };
  await using own = await openKit({ harnesses: [harness] });
  const { id } = await own.kernel.sessions.open({
    agent: harness.id,
    mcpServers: [{ name: "tools", command: "tools", env }],
    secrets: { MCP_TOKEN: canary },
  });
  const actor = await own.find(id);
  await actor.play("go");
  const filled = [{ ...env[0], value: `Bearer ${canary}` }, env[1]];
  expect(told).toEqual([[{ name: "tools", command: "tools", env: filled }], {}]);
  expect(await keptBytes(own.stateDir)).not.toContain(canary);
  const stray = { agent: harness.id, secrets: { MCP_TOKEN: canary } };
  await expect(own.kernel.sessions.open(stray)).rejects.toMatchObject({ code: "agent.options" });
});
