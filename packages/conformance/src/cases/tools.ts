/** The cases of tools, and of asking before one is used. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sleep, systemClock } from "@corral/kernel";
import type { Item, Part } from "@corral/protocol";
import type { Actor } from "../actor.ts";
import type { Case } from "../case.ts";
import { policy, type Stage } from "../stage.ts";

/** Codex asks only where the model wants to leave the sandbox; the others have no such word and are not told of it. */
const runTool = "RUN_TOOL ESCALATE";

const hasRun = (stage: Stage): boolean => existsSync(join(stage.cwd, "tool-proof.txt"));

const partsOf = <Type extends Part["type"]>(items: readonly Item[], type: Type) =>
  items.flatMap(({ parts, status }) =>
    parts.flatMap((part) => (part.type === type ? [{ ...(part as Extract<Part, { type: Type }>), status }] : [])),
  );

/** Every call that was begun has ended in this way. */
async function callsEnded(actor: Actor, status: "completed" | "failed"): Promise<void> {
  const calls = partsOf(await actor.items(), "tool_call");
  assert(calls.length > 0, "no tool call was told");
  assert.deepEqual(
    calls.map((call) => call.status),
    calls.map(() => status),
  );
}

const tool: Case = {
  name: "tool",
  says: "a shell command is run in the workspace, and its output is told to the person and to the model",
  rows: ["D-31"],
  async run(stage) {
    const actor = await stage.open();
    const turn = await actor.hear(runTool);
    assert(hasRun(stage));
    assert.match(turn.output ?? "", /Tool finished\. Result was: .*tool-ran/s);
    await callsEnded(actor, "completed");
    const results = partsOf(await actor.items(), "tool_result");
    assert.match(results.map(({ output }) => output).join(""), /tool-ran/);
    if (stage.seesModel) assert.equal(stage.lastCall.toolResults, 1);
  },
};

async function askedFor(
  stage: Stage,
  over: Parameters<typeof policy>[0],
): Promise<{ actor: Actor; end: () => ReturnType<Actor["ended"]> }> {
  const actor = await stage.open({ policy: policy({ permissions: "ask", ...over }) });
  const turn = await actor.begin(runTool);
  const asked = await Promise.race([actor.ear.heard("turn.asked"), actor.ended(turn)]);
  if (!("type" in asked)) stage.lacks("it uses tools without asking");
  assert.equal(asked.data.kind, "permission");
  assert(asked.data.options.length >= 2, "there is nothing to choose from");
  stage.observed.permissionKinds = asked.data.options.map(({ kind }) => kind);
  return { actor, end: () => actor.ended(turn) };
}

const allowed: Case = {
  name: "permission-allowed",
  says: "a tool that a person is asked about is used when it is allowed, by the narrowest grant that was offered",
  rows: ["AR-12", "AR-13", "D-23"],
  needs: "permissions",
  async run(stage) {
    const { actor, end } = await askedFor(stage, {});
    assert.equal(actor.session.state().phase, "waiting");
    const [ask] = actor.session.asks();
    assert(ask);
    // That it waits is seen by waiting.
    await sleep(systemClock, 500);
    assert(!hasRun(stage), "the tool was used while the question was open");
    await actor.session.answer(ask.id, { decision: "allow" });
    assert.equal((await end()).outcome, "completed");
    assert(hasRun(stage));
    assert.equal(actor.ear.all("turn.answered")[0]?.data.option?.kind, "allow_once");
    await callsEnded(actor, "completed");
  },
};

/** Whatever the model makes of it, nothing was run and nothing is left open. */
async function refused(stage: Stage, actor: Actor, end: () => ReturnType<Actor["ended"]>): Promise<void> {
  const { outcome } = await end();
  assert(outcome === "completed" || outcome === "cancelled", outcome);
  assert(!hasRun(stage), "a denied tool was used");
  assert.equal(actor.session.state().phase, "idle");
  await callsEnded(actor, "failed");
  assert.equal((await actor.hear("ECHO:what else")).output, "what else");
}

const denied: Case = {
  name: "permission-denied",
  says: "a tool that is denied is not used, and the session goes on",
  rows: ["AR-12", "AR-14", "D-23"],
  needs: "permissions",
  async run(stage) {
    const { actor, end } = await askedFor(stage, {});
    const [ask] = actor.session.asks();
    assert(ask);
    await actor.session.answer(ask.id, { decision: "deny" });
    await refused(stage, actor, end);
  },
};

const unanswered: Case = {
  name: "permission-unanswered",
  says: "a question that nobody answers ends at its deadline as the policy says, and the turn does not hang",
  rows: ["AR-14"],
  needs: "permissions",
  async run(stage) {
    const { actor, end } = await askedFor(stage, { deadlineMs: 1000, onExpire: "deny" });
    await refused(stage, actor, end);
    assert.equal(actor.ear.all("turn.answered")[0]?.data.by, "deadline");
  },
};

const mcpProgram = fileURLToPath(new URL("../programs/notes-server.ts", import.meta.url));

const mcp: Case = {
  name: "mcp",
  says: "the tools of an MCP server that the session was given can be used",
  needs: "mcpTools",
  asksModel: true,
  async run(stage) {
    const notes = join(stage.root, "notes.txt");
    const server = { name: "notes", command: process.execPath, args: [mcpProgram, notes], env: [] };
    const actor = await stage.open({ mcpServers: [server] });
    await actor.hear("ECHO:hello");
    const name = stage.ways.mcpTool ?? stage.lastCall.tools?.find((one) => one.includes("remember"));
    assert(name, `no tool of the MCP server among ${stage.lastCall.tools?.join(", ")}`);
    stage.play({ rules: [{ when: "Take a note", steps: [{ tool: { name, input: { note: "buy milk" } } }] }] });
    const { output } = await actor.hear("Take a note");
    assert.match(output ?? "", /noted: buy milk/);
    assert(existsSync(notes));
    await callsEnded(actor, "completed");
  },
};

export const toolCases: readonly Case[] = [tool, allowed, denied, unanswered, mcp];
