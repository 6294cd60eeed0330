/** A harness process driven over ACP: the official SDK's agent shows that it is true, and an odd one that it is forgiving. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AgentCapabilities, makeId, type SessionUpdate } from "@corral/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../ports/clock.system.ts";
import type { Connection, ConnectNeed, Notice, Question, Reply } from "../ports/harness.ts";
import type { Processes } from "../process/process.ts";
import { createProcesses, ownerOf } from "../process/processes.ts";
import { acpHarness } from "./harness.ts";
import type { OddPlan } from "./odd-agent.fixture.ts";

const hostEnv = { PATH: "/usr/local/bin:/usr/bin:/bin" };
const programOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

let base: string;
let processes: Processes;
let heard: SessionUpdate[];
let notices: Notice[];
let asked: Question[];
let reply: (question: Question, signal: AbortSignal) => Reply | Promise<Reply>;

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), "corral-")));
  await mkdir(join(base, "root"));
  processes = createProcesses({ clock: systemClock, stateDir: join(base, "state"), owner: ownerOf(base), hostEnv });
  [heard, notices, asked] = [[], [], []];
  reply = () => ({ outcome: "cancelled" });
});
afterEach(async () => {
  await processes[Symbol.asyncDispose]();
  await rm(base, { recursive: true, force: true });
});

const said = (): string =>
  heard
    .flatMap(({ sessionUpdate, content }) =>
      sessionUpdate === "agent_message_chunk" ? (content as { text: string }).text : [],
    )
    .join("");

const text = (words: string) => [{ type: "text" as const, text: words }];

function connect(args: readonly string[], over: Partial<ConnectNeed> = {}): Promise<Connection> {
  const harness = acpHarness({
    id: "fixture",
    title: "Fixture",
    secrets: [],
    capabilities: {} as AgentCapabilities,
    launch: () => ({ command: process.execPath, args, env: {} }),
  });
  return harness.connect({
    session: makeId("session", 0, systemClock.chance(16)),
    run: makeId("run", 0, systemClock.chance(16)),
    host: {
      update: (update) => {
        heard.push(update);
        return undefined;
      },
      ask: async (question, { signal }) => {
        asked.push(question);
        return reply(question, signal);
      },
      notice: (notice) => notices.push(notice),
    },
    cwd: join(base, "root"),
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
    ...over,
  });
}

describe("an agent made with the official SDK", () => {
  const meet = (over?: Partial<ConnectNeed>) => connect([programOf("./sdk-agent.fixture.ts")], over);
  const act = async (connection: Connection, name: string) => {
    heard.length = 0;
    const { stopReason } = await connection.prompt(text(name));
    expect(stopReason).toBe("end_turn");
    return JSON.parse(said());
  };

  test("is opened, prompted and closed, and takes every frame of ours for true ACP", async () => {
    const connection = await meet();
    expect(connection.started).toMatchObject({ how: "new", native: "sdk-1", name: "sdk-agent", version: "1.2.3" });
    expect([connection.images, connection.forks, connection.steer]).toEqual([true, false, undefined]);
    expect(await act(connection, "hello")).toBe("hello");
    const exit = await connection.close();
    expect(exit).toMatchObject({ code: 0, stderr: { tail: ["closed politely"] } });
    expect(notices).toEqual([]);
  });

  test("asks for permission and for a form, and is answered", async () => {
    const connection = await meet();
    reply = ({ options }) => ({ outcome: "selected", option: options[1]! });
    expect(await act(connection, "permission")).toEqual({ outcome: { outcome: "selected", optionId: "no" } });
    reply = () => ({ outcome: "cancelled" });
    expect(await act(connection, "permission")).toEqual({ outcome: { outcome: "cancelled" } });
    reply = () => ({ outcome: "accepted", content: { name: "Ada" } });
    expect(await act(connection, "form")).toEqual({ action: "accept", content: { name: "Ada" } });
    reply = () => ({ outcome: "declined" });
    expect(await act(connection, "form")).toEqual({ action: "decline" });
    expect(asked.map(({ kind, title }) => [kind, title])).toEqual([
      ["permission", "Delete everything"],
      ["permission", "Delete everything"],
      ["elicitation", "Who are you?"],
      ["elicitation", "Who are you?"],
    ]);
    expect(asked[3]?.schema).toMatchObject({ required: ["name"] });
    await connection.close();
  });

  test("reads and writes files and runs commands through us, inside the workspace only", async () => {
    const connection = await meet();
    expect(await act(connection, "files")).toMatchObject({ content: expect.stringMatching(/^two\n?$/) });
    expect(await readFile(join(base, "root", "made.txt"), "utf8")).toBe("one\ntwo\nthree\n");
    expect(await act(connection, "outside")).toMatchObject({ code: expect.any(Number) });
    expect(await act(connection, "terminal")).toMatchObject({ exit: { exitCode: 0 }, output: "from a terminal\n" });
    await connection.close();
    expect(notices).toEqual([]);
  });

  test("is cancelled, and can be prompted again", async () => {
    const connection = await meet();
    const waiting = connection.prompt(text("wait"));
    connection.cancel();
    expect(await waiting).toEqual({ stopReason: "cancelled" });
    expect(await act(connection, "hello")).toBe("hello");
    await connection.close();
  });

  test("is brought to the wanted mode, and a mode that it does not have is refused before it is asked", async () => {
    const connection = await meet({ settings: { mode: "code" } });
    expect(heard).toContainEqual({ sessionUpdate: "current_mode_update", currentModeId: "code" });
    await expect(connection.configure?.({ mode: "yolo" })).rejects.toMatchObject({ code: "agent.cannot" });
    await connection.close();
  });

  test("is brought back by load, whose retelling is not heard again", async () => {
    const connection = await meet({ restore: { native: "sdk-1" } });
    expect(connection.started).toMatchObject({ how: "load", native: "sdk-1" });
    expect(said()).toBe("");
    expect(await act(connection, "hello")).toBe("hello");
    await connection.close();
  });

  test("answers an error, which is a refusal with its data", async () => {
    const connection = await meet();
    await expect(connection.prompt(text("no such act"))).rejects.toMatchObject({
      code: "harness.refused",
      more: { method: "session/prompt", rpcCode: -32603 },
    });
    expect(await act(connection, "hello")).toBe("hello");
    await connection.close();
  });
});

describe("an odd agent", () => {
  const notes = () => join(base, "notes");
  const frames = async (): Promise<readonly Record<string, unknown>[]> =>
    existsSync(notes())
      ? (await readFile(notes(), "utf8"))
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line))
      : [];
  const opened: OddPlan = { "session/new": { result: { sessionId: "odd" } } };
  const meet = (plan: OddPlan, over?: Partial<ConnectNeed>) =>
    connect([programOf("./odd-agent.fixture.ts"), JSON.stringify({ ...opened, ...plan }), notes()], over);
  const update = (more: object, sessionId = "odd") => ({
    jsonrpc: "2.0",
    method: "session/update",
    params: { sessionId, update: more },
  });
  const chunk = (words: string) => ({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: words } });
  const commands = { sessionUpdate: "available_commands_update", availableCommands: [] };

  test("that retells its history in a load is not heard, but its news of settings are, also right behind the answer", async () => {
    const mode = { sessionUpdate: "current_mode_update", currentModeId: "plan" };
    const plan: OddPlan = {
      initialize: { result: { agentCapabilities: { loadSession: true } } },
      "session/load": { before: [update(chunk("old")), update(mode)], after: [update(commands)] },
    };
    const connection = await meet(plan, { restore: { native: "odd" } });
    await vi.waitFor(() => expect(heard).toEqual([mode, commands]));
    await connection.close({ force: true });
  });

  test("that cannot go on with a session is tried in every way that it offers, and starts anew", async () => {
    const plan: OddPlan = {
      initialize: { result: { agentCapabilities: { loadSession: true, sessionCapabilities: { resume: {} } } } },
      "session/resume": { error: { code: -32002, message: "unknown session" } },
      "session/load": { error: { code: -32603, message: "broken" }, before: [update(chunk("half"), "gone")] },
    };
    const connection = await meet(plan, { restore: { native: "gone" } });
    expect(connection.started).toMatchObject({ how: "replay", native: "odd" });
    expect((await frames()).map(({ method }) => method)).toEqual([
      "initialize",
      "session/resume",
      "session/load",
      "session/new",
    ]);
    expect(said()).toBe("");
    expect(notices.map(({ text }) => text)).toEqual([
      "session/resume was refused: unknown session",
      "session/load was refused: broken",
    ]);
    await connection.close({ force: true });
  });

  test("is asked to close its session by a request, as the protocol has it", async () => {
    const plan: OddPlan = {
      initialize: { result: { agentCapabilities: { sessionCapabilities: { close: {} } } } },
      "session/close": { ends: "die" },
    };
    const connection = await meet(plan);
    await connection.close();
    const close = (await frames()).find(({ method }) => method === "session/close");
    expect(close).toMatchObject({ params: { sessionId: "odd" }, id: expect.any(Number) });
  });

  test("is spoken to only about its own session", async () => {
    const plan: OddPlan = {
      "session/prompt": { before: [update(chunk("mine")), update(chunk("another's"), "other"), update(commands)] },
    };
    const connection = await meet(plan);
    expect(await connection.prompt(text("go"))).toEqual({ stopReason: "end_turn" });
    expect(heard).toEqual([chunk("mine"), commands]);
    await connection.close({ force: true });
  });

  test("that floods us with updates of no shape is noted a bounded number of times", async () => {
    const nonsense = Array.from({ length: 500 }, () => ({
      jsonrpc: "2.0",
      method: "session/update",
      params: { odd: true },
    }));
    const connection = await meet({ "session/prompt": { before: nonsense } });
    await connection.prompt(text("go"));
    expect(notices).toHaveLength(200);
    await connection.close({ force: true });
  });

  test("that offers other choices once one is made is asked by the newer ones", async () => {
    const options = (...values: readonly string[]) => ({
      configOptions: [
        { id: "model", category: "model", options: [{ value: "big", name: "Big" }] },
        { id: "mode", category: "mode", options: values.map((value) => ({ value, name: value })) },
      ],
    });
    const plan: OddPlan = {
      "session/new": { result: { sessionId: "odd", ...options("plan") } },
      "session/set_config_option": { result: options("plan", "deep") },
    };
    const connection = await meet(plan);
    await expect(connection.configure?.({ mode: "deep" })).rejects.toMatchObject({ code: "agent.cannot" });
    await connection.configure?.({ model: "big" });
    await connection.configure?.({ mode: "deep" });
    expect((await frames()).at(-1)).toMatchObject({ params: { configId: "mode", value: "deep" } });
    await connection.close({ force: true });
  });

  test.each([
    [{ initialize: { result: { protocolVersion: 2 } } }, "harness.protocol", /version 2/],
    [{ "session/new": { result: {} } }, "harness.protocol", /without a sessionId/],
    [
      { "session/new": { error: { code: -32000, message: "Log in first", data: { a: 1 } } } },
      "harness.refused",
      /Log in first/,
    ],
    [{ initialize: { ends: "die" } }, "harness.start", /exited with code 7/],
    [{ "session/new": { ends: "close stdout" } }, "harness.start", /did not start/],
  ] as const)("that opens with %j is a fault that says why, and leaves no process", async (plan, code, words) => {
    const fault = await meet(plan as OddPlan).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(fault).toMatchObject({ code, message: expect.stringMatching(words) });
    expect(await processes.list()).toEqual([]);
  });

  test.each(["die", "close stdout", "close stdin"] as const)(
    "that answers a prompt by the wish to %s fails it within a bound (invariant 5)",
    async (ends) => {
      const connection = await meet({ "session/prompt": { ends: "say nothing" }, "session/cancel": { ends } });
      const prompting = connection.prompt(text("go")).catch((error: unknown) => error);
      connection.cancel();
      // A closed stdin is noticed by whoever writes next.
      const poking = setInterval(() => connection.cancel(), 20);
      try {
        expect(await prompting).toMatchObject({ code: "harness.crashed" });
      } finally {
        clearInterval(poking);
      }
      await connection.exited;
      await connection.close({ force: true });
      expect(await processes.list()).toEqual([]);
    },
  );

  test("that dies says its last words first", async () => {
    const plan: OddPlan = {
      "session/prompt": { before: [update(chunk("last words"))], ends: "die", error: { code: 1, message: "x" } },
    };
    const connection = await meet(plan);
    await connection.prompt(text("go")).catch(() => "refused or crashed, as it came");
    await connection.exited;
    expect(said()).toBe("last words");
    await connection.close();
  });
});
