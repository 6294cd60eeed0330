/** A driver straightens what its harness says, for each connection anew, also when a prompt fails. */
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AgentCapabilities, chunkText, Fault, makeId, type SessionUpdate } from "@corral/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../ports/clock.system.ts";
import type { Connection, ConnectNeed } from "../ports/harness.ts";
import type { Processes } from "../process/process.ts";
import { createProcesses, ownerOf } from "../process/processes.ts";
import type { Corrections } from "./corrections.ts";
import { acpHarness } from "./harness.ts";
import type { OddAnswer } from "./odd-agent.fixture.ts";

const agent = fileURLToPath(new URL("./odd-agent.fixture.ts", import.meta.url));
const hostEnv = { PATH: "/usr/local/bin:/usr/bin:/bin" };
let base = "";
let processes: Processes;
let heard: SessionUpdate[] = [];

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), "corral-")));
  await mkdir(join(base, "state"), { mode: 0o700 });
  processes = createProcesses({ clock: systemClock, stateDir: join(base, "state"), owner: ownerOf(base), hostEnv });
  heard = [];
});
afterEach(async () => {
  await processes[Symbol.asyncDispose]();
  await rm(base, { recursive: true, force: true });
});

const chunk = (text: string): SessionUpdate => ({
  sessionUpdate: "agent_message_chunk",
  content: { type: "text", text },
});
const said = (): string => heard.map((update) => chunkText(update) ?? `[${update.sessionUpdate}]`).join("|");
const words = [{ type: "text" as const, text: "hello" }];

/** An agent that says two pieces in answer to each prompt, and ends it like this. */
function connect(corrections: () => Corrections, end: OddAnswer): Promise<Connection> {
  const params = (text: string) => ({ sessionId: "s", update: chunk(text) });
  const before = ["one", "two"].map((text) => ({ jsonrpc: "2.0", method: "session/update", params: params(text) }));
  const plan = {
    initialize: { result: { protocolVersion: 1 } },
    "session/new": { result: { sessionId: "s" } },
    "session/prompt": { before, ...end },
  };
  const harness = acpHarness({
    id: "fixture",
    title: "Fixture",
    secrets: [],
    capabilities: {} as AgentCapabilities,
    corrections,
    launch: () => ({ command: process.execPath, args: [agent, JSON.stringify(plan), join(base, "notes")], env: {} }),
  });
  const need: ConnectNeed = {
    session: makeId("session", 0, systemClock.chance(16)),
    run: makeId("run", 0, systemClock.chance(16)),
    host: {
      update: (update) => void heard.push(update),
      ask: async () => ({ outcome: "cancelled" }),
      notice: () => undefined,
    },
    cwd: base,
    stateDir: join(base, "state"),
    secrets: {},
    options: {},
    mcpServers: [],
    settings: {},
    programs: { node: process.execPath, bin: (name) => name },
    processes,
    clock: systemClock,
    hostEnv,
    signal: new AbortController().signal,
  };
  return harness.connect(need);
}

/** Doubles what is said, and holds back the last word until the prompt is over. */
function echoing(): Corrections {
  let held: SessionUpdate | undefined;
  let prompts = 0;
  return {
    prompt: () => {
      prompts += 1;
    },
    update: (update) => {
      const told = held ? [held, held] : [];
      held = update;
      return told;
    },
    rest: () => (held ? [held, chunk(`of prompt ${prompts}`)] : []),
  };
}

test("one update may become none, several, or one that comes at the end of the prompt", async () => {
  const connection = await connect(echoing, { result: { stopReason: "end_turn" } });
  expect(await connection.prompt(words)).toEqual({ stopReason: "end_turn" });
  expect(said()).toBe("one|one|two|of prompt 1");
  await connection.close({ force: true });
});

test("what was held back is told also when the prompt fails", async () => {
  const connection = await connect(echoing, { error: { code: -32603, message: "no" } });
  await expect(connection.prompt(words)).rejects.toMatchObject({ code: "harness.refused" });
  expect(said()).toBe("one|one|two|of prompt 1");
  await connection.close({ force: true });
});

test("a result may be completed later, and one that hides an error becomes a refusal", async () => {
  const result = { stopReason: "end_turn" };
  const counted = await connect(
    () => ({ result: async (told) => ({ ...(told as object), usage: { inputTokens: 3 } }) }),
    { result },
  );
  expect(await counted.prompt(words)).toEqual({ stopReason: "end_turn", usage: { inputTokens: 3 } });
  await counted.close({ force: true });
  const refused = () => {
    throw new Fault("harness.refused", { detail: "The model is unwell." });
  };
  const hiding = await connect(() => ({ result: refused }), { result });
  await expect(hiding.prompt(words)).rejects.toMatchObject({
    code: "harness.refused",
    message: "The model is unwell.",
  });
  await hiding.close({ force: true });
});
