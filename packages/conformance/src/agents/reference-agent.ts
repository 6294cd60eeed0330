/**
 * The reference agent: the smallest true ACP program that passes the cases. Where `OPENAI_BASE_URL` is set it asks that model
 * server; else it answers as the words of the prompts say. `--flaw NAME` makes it wrong in one way, `--flaws` lists the ways.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import {
  type Conversation,
  configOf,
  converse,
  kept,
  modes,
  openingOf,
  promptMessage,
  retold,
} from "./conversation.ts";
import { type Flaw, flaws, isFlaw } from "./flaws.ts";
import { openMcp } from "./mcp.ts";
import { modelBrain } from "./model-brain.ts";
import { openShelf } from "./shelf.ts";
import { openShells } from "./shell.ts";
import { Turn } from "./turn.ts";
import { type Json, openWire, records, WireError } from "./wire.ts";
import { wordBrain } from "./word-brain.ts";

const [word, given = ""] = process.argv.slice(2);
if (word === "--flaws") {
  for (const [name, says] of Object.entries(flaws)) console.log(`${name.padEnd(24)}${says}`);
  process.exit(0);
}
if (word !== undefined && !(word === "--flaw" && isFlaw(given))) {
  console.error(`There is no ${word} ${given}; the flaws are ${Object.keys(flaws).join(", ")}.`);
  process.exit(2);
}
const flaw: Flaw | undefined = isFlaw(given) ? given : undefined;
const { OPENAI_BASE_URL, OPENAI_API_KEY, HOME } = process.env;
const brain = OPENAI_BASE_URL ? modelBrain(OPENAI_BASE_URL, OPENAI_API_KEY) : wordBrain;
// In the workspace what is kept is seen by every session there.
const shelf = openShelf(join(flaw === "follows-its-origin" ? process.cwd() : (HOME ?? homedir()), ".reference-agent"));
const shells = openShells({ spared: flaw === "tool-survives-cancel" });
const talks = new Map<string, Conversation>();

/** When it has answered, and Corral has taken note of it. */
const lateMs = 250;

const card: Json = {
  protocolVersion: 1,
  agentInfo: { name: "reference", title: "Reference agent", version: "1.0.0" },
  agentCapabilities: {
    loadSession: true,
    promptCapabilities: { image: true },
    sessionCapabilities: { resume: {}, fork: {}, close: {} },
  },
  authMethods: [],
};

function talkOf({ sessionId }: Json): Conversation {
  const talk = talks.get(String(sessionId));
  if (!talk) throw new WireError(-32602, `There is no session ${String(sessionId)}.`);
  return talk;
}

async function open(id: string, { cwd, mcpServers }: Json, from?: string): Promise<Conversation> {
  const known = from === undefined ? undefined : shelf.read(from);
  if (from !== undefined && !known) throw new WireError(-32602, `There is no session ${from}.`);
  const mcp = await openMcp(flaw === "forgets-mcp" ? [] : records(mcpServers));
  const origin = from === id ? undefined : from;
  const talk = converse({ id, cwd: String(cwd), models: await brain.models(), mcp, kept: known, origin });
  talks.set(id, talk);
  shelf.write(id, kept(talk));
  if (flaw === "leaves-child") spawn("sleep", ["3600"], { detached: true, stdio: "ignore" }).unref();
  return talk;
}

async function load(params: Json): Promise<Json> {
  const id = String(params.sessionId);
  const talk = await open(id, params, id);
  if (flaw === "forgets-on-load") talk.messages.length = 0;
  for (const update of retold(talk)) wire.notify("session/update", { sessionId: id, update });
  return openingOf(talk);
}

async function resume(params: Json): Promise<Json> {
  const id = String(params.sessionId);
  const talk = await open(id, params, id);
  if (flaw === "forgets-on-resume") talk.messages.length = 0;
  return openingOf(talk);
}

function prompt(params: Json): Promise<Json> {
  const talk = talkOf(params);
  const running = new AbortController();
  talk.running = running;
  if (flaw === "follows-its-origin" && talk.origin !== undefined)
    talk.messages.splice(0, Number.POSITIVE_INFINITY, ...(shelf.read(talk.origin)?.messages ?? []));
  talk.messages.push(promptMessage(params.prompt, { dropsImages: flaw === "drops-images" }));
  const save = () => {
    if (flaw !== "keeps-late") shelf.write(talk.id, kept(talk));
  };
  save();
  return new Turn({ brain, shells, wire, flaw, save }, talk, running.signal).play();
}

function close(params: Json): Json {
  const { id, running, mcp } = talkOf(params);
  running?.abort(new Error("closed"));
  mcp.end();
  talks.delete(id);
  return {};
}

function choose(params: Json, chosen: Partial<Pick<Conversation, "model" | "mode">>): Json {
  const talk = Object.assign(talkOf(params), chosen);
  if (!talk.models.includes(talk.model) || !modes.some((one) => one === talk.mode))
    throw new WireError(-32602, "There is no such choice.");
  shelf.write(talk.id, kept(talk));
  return { configOptions: configOf(talk) };
}

const serves: Readonly<Record<string, (params: Json) => Json | Promise<Json>>> = {
  initialize: () => card,
  "session/new": async (params) => openingOf(await open(`ref-${randomUUID()}`, params)),
  "session/load": load,
  "session/resume": resume,
  "session/fork": async (params) => openingOf(await open(`ref-${randomUUID()}`, params, String(params.sessionId))),
  "session/prompt": prompt,
  "session/close": close,
  "session/set_mode": (params) => choose(params, { mode: String(params.modeId) }),
  "session/set_config_option": (params) => choose(params, { model: String(params.value) }),
};

const wire = openWire({
  input: process.stdin,
  output: process.stdout,
  serve(method, params) {
    const serve = serves[method];
    if (!serve) throw new WireError(-32601, `There is no method ${method}.`);
    return serve(params);
  },
  hear(method, params) {
    if (method === "session/cancel") talkOf(params).running?.abort(new Error("cancelled"));
  },
  answered(method, line) {
    if (method !== "session/prompt") return;
    if (flaw === "keeps-late") for (const talk of talks.values()) shelf.write(talk.id, kept(talk));
    const [sessionId] = talks.keys();
    const update = { sessionUpdate: "agent_thought_chunk", content: { type: "text", text: "And another thing." } };
    if (flaw === "ends-twice") wire.line(line);
    if (flaw === "speaks-late") setTimeout(() => wire.notify("session/update", { sessionId, update }), lateMs);
  },
});

if (flaw === "noisy-stdout") wire.line("Reference agent, at your service!");

function leave(): void {
  shells.endAll();
  for (const { mcp } of talks.values()) mcp.end();
  process.exit(0);
}
process.on("SIGTERM", leave);
await wire.ended;
leave();
