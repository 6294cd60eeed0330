/** A session on a shared OpenCode server: one end for each turn, whatever the server says or becomes of it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, type ConnectNeed, type Frame, type Question, type Reply, systemClock } from "@corral/kernel";
import { makeId, type SessionUpdate } from "@corral/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ServedConnection } from "./connection.ts";
import { homeOf } from "./homes.ts";
import { Hub } from "./hub.ts";
import { requests } from "./requests.ts";
import { native, type StandIn, standIn } from "./stand-in.fixture.ts";

let dir = "";
let server: StandIn;
let updates: SessionUpdate[];
let questions: Question[];
let notices: string[];
let leaves: number;
let reply: (question: Question, signal: AbortSignal) => Promise<Reply>;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "corral-"));
  server = await standIn();
  [updates, questions, notices, leaves] = [[], [], [], 0];
  reply = async () => ({ outcome: "cancelled" });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

async function connect(over: Partial<ConnectNeed> = {}, clock: Clock = systemClock): Promise<ServedConnection> {
  const hub = new Hub(server.server, systemClock);
  await hub.open();
  const connection = await made(hub, over, clock);
  await connection.open();
  return connection;
}

async function made(hub: Hub, over: Partial<ConnectNeed>, clock: Clock = systemClock): Promise<ServedConnection> {
  const need = {
    clock: systemClock,
    session: makeId("session", 0, new Uint8Array(16)),
    options: { baseUrl: "http://127.0.0.1:9", model: "m", models: ["n"] },
    settings: {},
    secrets: {},
    mcpServers: [],
    programs: { node: "/node", version: "1", bin: () => "/opencode" },
    host: {
      update: (update: SessionUpdate) => void updates.push(update),
      ask: (question: Question, { signal }: { signal: AbortSignal }) => {
        questions.push(question);
        return reply(question, signal);
      },
      notice: ({ text }: { text: string }) => void notices.push(text),
    },
    ...over,
  } as unknown as ConnectNeed;
  return new ServedConnection({
    need,
    hub,
    home: await homeOf({ dir, stateDir: dir, digest: "0".repeat(32) }),
    lease: {
      server: server.server,
      leave: () => {
        leaves += 1;
      },
    },
    requests: requests({ server: server.server, clock, directory: "/work" }),
  });
}

const text = (said: string) => [{ type: "text" as const, text: said }];
const said = () => updates.map(({ content }) => (content as { text?: string } | undefined)?.text ?? "").join("");
const answer = (over: Frame = {}): Frame => ({
  info: { id: "msg_1", role: "assistant", time: { created: 1 }, tokens: {}, ...over },
});
const done = (over: Frame = {}) => answer({ time: { created: 1, completed: 2 }, finish: "stop", ...over });
const faultOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no fault",
    (error: unknown) => error,
  );

interface Begun {
  readonly prompting: ReturnType<ServedConnection["prompt"]>;
}

/** The server takes the prompt and begins. */
async function begin(connection: ServedConnection, { busy = true } = {}): Promise<Begun> {
  const before = server.requests.length;
  const prompting = connection.prompt(text("hello"));
  // What becomes of it is looked at later.
  prompting.catch(() => undefined);
  while (!server.requests.slice(before).some(({ path }) => path.endsWith("prompt_async")))
    await new Promise((resolve) => setImmediate(resolve));
  if (busy) {
    server.say("session.status", { status: { type: "busy" } });
    server.say("message.updated", answer());
  }
  return { prompting };
}

function sayHello(): void {
  server.say("message.part.updated", { part: { id: "prt_1", messageID: "msg_1", type: "text", text: "" } });
  for (const delta of ["Good ", "morning"]) server.say("message.part.delta", { partID: "prt_1", field: "text", delta });
  server.say("message.part.updated", {
    part: { id: "prt_1", messageID: "msg_1", type: "text", text: "Good morning." },
  });
}

const tokens = { input: 100, output: 20, reasoning: 3, cache: { read: 7, write: 0 } };

test("a turn tells its text as it comes, and ends once with what it cost (C-03, C-04)", async () => {
  const connection = await connect();
  expect(connection.started).toMatchObject({ how: "new", native, pid: 1 });
  const { prompting } = await begin(connection);
  sayHello();
  server.say("message.updated", done({ tokens }));
  server.say("session.idle");
  const usage = { inputTokens: 100, outputTokens: 20, totalTokens: 130, thoughtTokens: 3, cachedReadTokens: 7 };
  expect(await prompting).toEqual({ stopReason: "end_turn", usage });
  expect(said()).toBe("Good morning.");
  const asked = await server.asked("POST", /prompt_async/);
  expect(asked).toMatchObject({
    path: `/session/${native}/prompt_async`,
    directory: "/work",
    body: { parts: text("hello"), agent: "build", model: { providerID: "gateway", modelID: "m" } },
  });
});

test("an end that is told twice ends one turn, and not the next one too (C-03)", async () => {
  const connection = await connect();
  const first = await begin(connection);
  server.say("session.error", { error: { name: "MessageAbortedError", data: { message: "Aborted" } } });
  server.say("session.idle");
  server.say("message.updated", done({ error: { name: "MessageAbortedError", data: {} } }));
  server.say("session.idle");
  expect(await first.prompting).toEqual({ stopReason: "cancelled" });
  const second = await begin(connection, { busy: false });
  server.say("session.idle");
  server.say("session.status", { status: { type: "busy" } });
  server.say("message.updated", answer({ id: "msg_2" }));
  server.say("message.updated", done({ id: "msg_2", tokens }));
  server.say("session.idle");
  expect(await second.prompting).toMatchObject({ stopReason: "end_turn", usage: { inputTokens: 100 } });
});

test("a model's error fails the turn with what a program can read of it (C-03, CR-07)", async () => {
  const { prompting } = await begin(await connect());
  const responseBody = JSON.stringify({ error: { message: "slow down", type: "rate_limit_error", code: "rate" } });
  const error = { name: "APIError", data: { message: "slow down", statusCode: 429, responseBody } };
  server.say("session.error", { error });
  server.say("session.idle");
  server.say("message.updated", done({ error }));
  server.say("session.idle");
  expect(await faultOf(prompting)).toMatchObject({
    code: "harness.refused",
    message: "slow down",
    more: { errorName: "APIError", httpStatus: 429, modelError: { type: "rate_limit_error", code: "rate" } },
  });
});

const stack = "TypeError: undefined is not an object (evaluating 'a.b')\n    at run (/$bunfs/root/chunk.js:1:2)";

test("an exception inside the server is a stable code to the person, and stands in the log only (CR-07)", async () => {
  const { prompting } = await begin(await connect());
  server.say("session.error", { error: { name: "UnknownError", data: { message: stack } } });
  server.say("message.updated", done());
  server.say("session.idle");
  const fault = await faultOf(prompting);
  expect(fault).toMatchObject({ code: "harness.refused", more: { errorName: "UnknownError" } });
  expect(JSON.stringify({ ...(fault as Error), message: (fault as Error).message })).not.toMatch(/TypeError|bunfs/);
  expect(notices.join()).toContain("TypeError");
});

test("a stream of events that does not come is a stable code to the person, and the server is ended (CR-07)", async () => {
  server.answers.set("GET /global/event", { status: 503, body: { stack } });
  const fault = await faultOf(connect());
  expect(fault).toMatchObject({ code: "harness.start", message: expect.stringContaining("503") });
  expect([String(fault).includes("TypeError"), server.closed()]).toEqual([false, true]);
  await server[Symbol.asyncDispose]();
  const unheard = await faultOf(connect());
  expect(unheard).toMatchObject({ code: "harness.start" });
  expect(String(unheard)).not.toContain("fetch failed");
  server = await standIn();
});

test("an answer that is no JSON is a fault without its words (CR-07)", async () => {
  server.answers.set("GET /agent", { status: 200, raw: "<html>" });
  const fault = await faultOf(connect());
  expect(fault).toMatchObject({ code: "harness.protocol" });
  expect(String(fault)).not.toContain("html");
});

test("a connection that is closed while it opens hears nothing, and the next one of its conversation goes on", async () => {
  const hub = new Hub(server.server, systemClock);
  await hub.open();
  const early = await made(hub, { restore: { native } });
  const opening = faultOf(early.open());
  await early.close({ force: true });
  expect(await opening).toMatchObject({ code: "harness.crashed" });
  const [older, newer] = [hub.listen(native, () => undefined), []] as [() => void, string[]];
  hub.listen(native, ({ type }) => void newer.push(type));
  older();
  server.say("session.idle");
  while (newer.length === 0) await new Promise((resolve) => setImmediate(resolve));
});

test("who comes to a server that has ended is told so, and who has left is not", async () => {
  const hub = new Hub(server.server, systemClock);
  await hub.open();
  const told: string[] = [];
  hub.onEnd(() => void told.push("left"))();
  hub.onEnd(() => void told.push("there"));
  server.die({ signal: "SIGKILL" });
  await server.server.exited;
  hub.onEnd(({ signal }) => void told.push(`late, ${signal}`));
  expect(told).toEqual(["there", "late, SIGKILL"]);
});

test("a prompt that the server turns down is a fault without its words (CR-07)", async () => {
  const connection = await connect();
  server.answers.set(`POST /session/${native}/prompt_async`, { status: 500, body: { name: "X", data: { stack } } });
  const fault = await faultOf(connection.prompt(text("hello")));
  expect(fault).toMatchObject({ code: "harness.refused", more: { httpStatus: 500 } });
  expect(String(fault)).not.toContain("TypeError");
});

test("a prompt whose request is not answered is broken off on the server too (C-03)", async () => {
  let next = Number.POSITIVE_INFINITY;
  const after = (ms: number, then: () => void) => {
    const sooner = Math.min(ms, next);
    next = Number.POSITIVE_INFINITY;
    return systemClock.after(sooner, then);
  };
  const connection = await connect({}, { ...systemClock, after });
  next = 300;
  server.answers.set(`POST /session/${native}/prompt_async`, { status: 204, never: true });
  expect(await faultOf(connection.prompt(text("hello")))).toMatchObject({ code: "harness.stalled" });
  expect(server.requests.filter(({ path }) => path.endsWith("/abort"))).toHaveLength(1);
  expect(server.closed()).toBe(false);
});

test("a prompt of which only an error is heard fails, and is broken off in case it begins after all (C-03)", async () => {
  const { prompting } = await begin(await connect(), { busy: false });
  server.say("session.error", { error: { name: "UnknownError", data: { message: "no such agent" } } });
  expect(await faultOf(prompting)).toMatchObject({ code: "harness.refused", message: "no such agent" });
  expect(server.requests.filter(({ path }) => path.endsWith("/abort"))).toHaveLength(1);
});

test("an error of the turn before is no end of the next one (C-03)", async () => {
  const { prompting } = await begin(await connect(), { busy: false });
  server.say("session.error", { error: { name: "UnknownError", data: { message: stack } } });
  server.say("session.status", { status: { type: "busy" } });
  server.say("message.updated", answer());
  sayHello();
  server.say("message.updated", done());
  server.say("session.idle");
  expect(await prompting).toMatchObject({ stopReason: "end_turn" });
});

test("a server that dies fails the turn once, says how it died, and takes no more prompts (C-03)", async () => {
  const connection = await connect();
  const { prompting } = await begin(connection);
  server.die({ signal: "SIGKILL" });
  expect(await faultOf(prompting)).toMatchObject({ code: "harness.crashed", more: { signal: "SIGKILL" } });
  expect(await connection.exited).toMatchObject({ signal: "SIGKILL" });
  expect(await faultOf(connection.prompt(text("again")))).toMatchObject({ code: "harness.crashed" });
  expect(leaves).toBe(1);
});

test("a server that can be asked and not heard any more is ended, and its turns with it (C-03)", async () => {
  const { prompting } = await begin(await connect());
  server.cut();
  expect(await faultOf(prompting)).toMatchObject({ code: "harness.crashed" });
  expect(server.closed()).toBe(true);
});

test("a turn that is cancelled before it has begun is told to end as soon as it has", async () => {
  const connection = await connect();
  const { prompting } = await begin(connection, { busy: false });
  connection.cancel();
  expect(server.requests.some(({ path }) => path.endsWith("/abort"))).toBe(false);
  server.say("session.status", { status: { type: "busy" } });
  await server.asked("POST", /\/abort$/);
  server.say("session.idle");
  expect(await prompting).toEqual({ stopReason: "cancelled" });
});

test.each([
  ["once", "once"],
  ["always", "once"],
  ["reject", "reject"],
  [undefined, "reject"],
])("a permission that is answered with %s is told as %s (AR-12)", async (optionId, told) => {
  reply = async ({ options }) => {
    const option = options.find((one) => one.optionId === optionId);
    return option ? { outcome: "selected", option } : { outcome: "cancelled" };
  };
  await begin(await connect());
  server.say("permission.asked", {
    ...{ id: "per_1", permission: "bash", patterns: ["ls"], always: ["ls *"] },
    ...{ metadata: { command: "ls" }, tool: { messageID: "msg_1", callID: "call_1" } },
  });
  expect((await server.asked("POST", /^\/permission\/per_1\/reply$/)).body).toEqual({ reply: told });
  expect(questions[0]).toMatchObject({ title: "ls", toolCall: { toolCallId: "call_1", kind: "execute" } });
});

const asked = (id: string, patterns: readonly string[], over: Frame = {}): Frame => ({
  ...{ id, permission: "bash", patterns, always: ["ls *"], metadata: { command: patterns.join(" && ") }, ...over },
});

test("what is allowed for always is not asked again in its session, and only what was allowed, and OpenCode remembers nothing", async () => {
  const answered = Promise.withResolvers<void>();
  reply = async ({ title, options }, signal) => {
    if (title !== "ls") {
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      return { outcome: "cancelled" };
    }
    await answered.promise;
    return { outcome: "selected", option: options.find(({ optionId }) => optionId === "always")! };
  };
  await begin(await connect());
  server.say("permission.asked", asked("per_1", ["ls"]));
  server.say("permission.asked", asked("per_2", ["ls -l"]));
  while (questions.length < 2) await new Promise((resolve) => setImmediate(resolve));
  answered.resolve();
  for (const id of ["per_1", "per_2"])
    expect((await server.asked("POST", new RegExp(`/${id}/reply`))).body).toEqual({ reply: "once" });
  server.say("permission.asked", asked("per_3", ["ls -a", "ls"]));
  expect((await server.asked("POST", /per_3/)).body).toEqual({ reply: "once" });
  server.say("permission.asked", asked("per_4", ["ls -a", "rm -r ."]));
  server.say("permission.asked", asked("per_5", ["lsof"]));
  server.say("permission.asked", asked("per_6", ["ls"], { permission: "edit" }));
  server.say("permission.asked", asked("per_7", []));
  while (questions.length < 6) await new Promise((resolve) => setImmediate(resolve));
  const titles = questions.map(({ title }) => title);
  expect(titles).toEqual(["ls", "ls -l", "ls -a && rm -r .", "lsof", "ls", "bash"]);
});

test("an agent that OpenCode starts itself asks in the name of its session, and costs what it costs", async () => {
  const { prompting } = await begin(await connect());
  server.say("session.created", { sessionID: "ses_child", info: { parentID: native } });
  server.say("permission.asked", {
    sessionID: "ses_child",
    id: "per_2",
    permission: "edit",
    patterns: [],
    metadata: {},
  });
  await server.asked("POST", /per_2/);
  server.say("message.updated", { sessionID: "ses_child", ...done({ id: "msg_9", tokens }) });
  server.say("session.idle", { sessionID: "ses_child" });
  sayHello();
  server.say("message.updated", done({ tokens }));
  server.say("session.idle");
  expect(await prompting).toMatchObject({ usage: { inputTokens: 200 } });
});

test("a connection that is closed in the middle of a turn ends what the server does for it, and leaves the server", async () => {
  const connection = await connect();
  const { prompting } = await begin(connection);
  const [first, second] = await Promise.all([connection.close({ force: true }), connection.close()]);
  expect(second).toEqual(first);
  expect(await faultOf(prompting)).toMatchObject({ code: "harness.crashed" });
  expect(server.requests.some(({ path }) => path.endsWith("/abort"))).toBe(true);
  expect([leaves, server.closed()]).toEqual([1, false]);
});

test("a conversation that the server does not know is begun anew, and told what was said", async () => {
  server.answers.set("GET /session/ses_lost", { status: 404 });
  expect((await connect({ restore: { native: "ses_lost" } })).started).toMatchObject({ how: "replay", native });
  expect((await connect({ restore: { native } })).started).toMatchObject({ how: "resume", native });
});

test("a model or mode that is not offered is refused; one that is goes with the next prompt", async () => {
  const connection = await connect();
  await expect(connection.configure({ model: "gateway/unknown" })).rejects.toMatchObject({ code: "agent.cannot" });
  await expect(connection.configure({ mode: "explore" })).rejects.toMatchObject({ code: "agent.cannot" });
  await connection.configure({ model: "gateway/n", mode: "plan" });
  await begin(connection);
  const { body } = await server.asked("POST", /prompt_async/);
  expect(body).toMatchObject({ agent: "plan", model: { providerID: "gateway", modelID: "n" } });
});
