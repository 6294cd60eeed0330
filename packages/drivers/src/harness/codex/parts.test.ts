/** The pure parts of the Codex driver, with what the program really says as their input. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Reply } from "@corral/kernel";
import { chooseOption, chunkText, type SessionUpdate } from "@corral/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { asks } from "./asks.ts";
import { failure } from "./failure.ts";
import { createMeter } from "./meter.ts";
import { configOptions, modeOf, modes, turnSettings } from "./modes.ts";
import { openMountPoints } from "./mount-points.ts";
import { inputOf, mcpServersOf } from "./prompts.ts";
import { createSpeech } from "./speech.ts";
import { toml } from "./toml.ts";
import { toolView } from "./tools.ts";
import { Telling } from "./translate.ts";

const voice = "agent_message_chunk";
const texts = (updates: readonly SessionUpdate[]) => updates.map((update) => chunkText(update) ?? "").join("");

describe("an answer that breaks off", () => {
  const half = () => {
    const speech = createSpeech();
    const told = texts([...speech.said(voice, "m1", "Half of "), ...speech.said(voice, "m1", "an answer")]);
    speech.broken();
    return { speech, told };
  };

  test("is told once when it is given again, under one name", () => {
    const { speech, told } = half();
    const again = ["Half", " of an answ", "er, and the", " rest."].flatMap((delta) => speech.said(voice, "m2", delta));
    expect(told + texts(again)).toBe("Half of an answer, and the rest.");
    expect(new Set(again.map(({ messageId }) => messageId))).toEqual(new Set(["m1"]));
  });

  test("is told once when it breaks off again and again, earlier or later", () => {
    const { speech, told } = half();
    const second = speech.said(voice, "m2", "Half");
    speech.broken();
    const third = speech.said(voice, "m3", "Half of an answer, at last");
    expect([told, texts(second), texts(third)]).toEqual(["Half of an answer", "", ", at last"]);
  });

  test("stands beside another answer that comes in its place", () => {
    const { speech } = half();
    const other = [...speech.said(voice, "m2", "Half a "), ...speech.said(voice, "m2", "loaf")];
    expect([texts(other), other[0]?.messageId]).toEqual(["Half a loaf", "m2"]);
  });

  test("is forgotten when something else begins", () => {
    const { speech } = half();
    speech.fresh();
    expect(texts(speech.said(voice, "m2", "Half"))).toBe("Half");
  });
});

test("what did not come in pieces is told when it is whole, and only that", () => {
  const speech = createSpeech();
  expect(texts(speech.said(voice, "m1", "one "))).toBe("one ");
  expect(texts(speech.whole(voice, "m1", "one two"))).toBe("two");
  expect(texts(speech.whole(voice, "m2", "three"))).toBe("three");
});

describe("tool calls", () => {
  const command = {
    type: "commandExecution",
    id: "call-1",
    command: "/bin/bash -lc 'cat a.txt'",
    cwd: "/w",
    status: "inProgress",
    commandActions: [{ type: "read", command: "cat a.txt", name: "a.txt", path: "a.txt" }],
  };

  test("a command is told by its beginning, its output and its end", () => {
    const telling = new Telling();
    const [begun] = telling.hear("item/started", { item: command });
    const [output] = telling.hear("item/commandExecution/outputDelta", { itemId: "call-1", delta: "text" });
    const ended = { ...command, status: "completed", aggregatedOutput: "text\n", exitCode: 0 };
    const [over] = telling.hear("item/completed", { item: ended });
    expect(begun).toMatchObject({
      sessionUpdate: "tool_call",
      title: "cat a.txt",
      kind: "read",
      status: "in_progress",
    });
    expect(output).toMatchObject({ toolCallId: "call-1", _meta: { terminal_output_delta: { data: "text" } } });
    expect(over).toMatchObject({
      sessionUpdate: "tool_call_update",
      status: "completed",
      content: [{ content: { text: "text\n" } }],
      _meta: { terminal_exit: { exit_code: 0 } },
    });
  });

  test("one that was declined has failed, and one whose beginning was not told is told whole", () => {
    const [over] = new Telling().hear("item/completed", { item: { ...command, status: "declined" } });
    expect(over).toMatchObject({ sessionUpdate: "tool_call", status: "failed" });
  });

  test("changes of files are told with both sides of what they show", () => {
    const diff = "@@ -1,2 +1,2 @@\n same\n-old\n+new\n";
    const changes = [
      { path: "a", kind: { type: "update", move_path: null }, diff },
      { path: "b", kind: { type: "add" }, diff: "whole\n" },
      { path: "c", kind: { type: "delete" }, diff: "gone\n" },
    ];
    expect(toolView({ type: "fileChange", changes }).content).toEqual([
      { type: "diff", path: "a", oldText: "same\nold\n", newText: "same\nnew\n" },
      { type: "diff", path: "b", newText: "whole\n" },
      { type: "diff", path: "c", oldText: "gone\n", newText: "" },
    ]);
  });

  test("a kind of item that nobody has heard of is shown under its own name", () => {
    const item = { type: "teleport", id: "x", to: "Mars" };
    expect(toolView(item)).toEqual({ title: "teleport", kind: "other", rawInput: item });
  });
});

describe("what is told beside", () => {
  const hear = (method: string, params: Record<string, unknown>) => new Telling().hear(method, params);

  test("a plan has the states that the protocol knows", () => {
    const plan = ["pending", "inProgress", "completed"].map((status) => ({ step: status, status }));
    expect(hear("turn/plan/updated", { plan })[0]?.entries).toMatchObject([
      { status: "pending" },
      { status: "in_progress" },
      { status: "completed" },
    ]);
  });

  test("warnings are notices, but for those that say the same every time", () => {
    const idle = "Model metadata for `stub-model` not found. Defaulting to fallback metadata; this can degrade.";
    expect(hear("warning", { message: idle })).toEqual([]);
    expect(hear("configWarning", { summary: "odd" })).toEqual([
      { sessionUpdate: "notice", severity: "warning", title: "odd" },
    ]);
  });

  test("prompts are not told again, and unknown notifications mean nothing", () => {
    expect(hear("item/started", { item: { type: "userMessage", id: "u" } })).toEqual([]);
    expect(hear("constructor", {})).toEqual([]);
  });
});

describe("questions", () => {
  const ask = (method: string, params: Record<string, unknown>) => asks[method]!(params, () => undefined);
  const reply = (asking: ReturnType<typeof ask>, decision: "allow" | "deny"): Reply => {
    const option = chooseOption(decision, asking.question.options);
    return option ? { outcome: "selected", option } : { outcome: "cancelled" };
  };
  const approval = {
    itemId: "call-1",
    command: "/bin/bash -lc 'echo x'",
    commandActions: [{ type: "unknown", command: "echo x" }],
    availableDecisions: ["accept", { acceptWithExecpolicyAmendment: { execpolicy_amendment: ["echo"] } }, "cancel"],
  };

  test("a command is allowed once, and denied so that the model hears of it (AR-12, AR-13)", () => {
    const asking = ask("item/commandExecution/requestApproval", approval);
    expect(asking.question).toMatchObject({ kind: "permission", title: "echo x", toolCall: { kind: "execute" } });
    expect(asking.answer(reply(asking, "allow"))).toEqual({ decision: "accept" });
    expect(asking.answer(reply(asking, "deny"))).toEqual({ decision: "decline" });
    expect(asking.answer({ outcome: "cancelled" })).toEqual({ decision: "cancel" });
  });

  test("a lasting grant is what was offered, word for word", () => {
    const asking = ask("item/commandExecution/requestApproval", approval);
    const option = asking.question.options.find(({ kind }) => kind === "allow_always")!;
    expect(asking.answer({ outcome: "selected", option })).toEqual({ decision: approval.availableDecisions[1] });
  });

  test("a tool of an MCP server is a permission, what the server itself asks is a question", () => {
    const method = "mcpServer/elicitation/request";
    const _meta = { codex_approval_kind: "mcp_tool_call", tool_name: "remember", persist: ["session", "always"] };
    const tool = ask(method, { serverName: "notes", mode: "form", _meta, requestedSchema: {} });
    expect(tool.question).toMatchObject({ kind: "permission", title: "notes.remember" });
    expect(tool.answer(reply(tool, "allow"))).toEqual({ action: "accept", content: null, _meta: null });
    expect(tool.answer(reply(tool, "deny"))).toMatchObject({ action: "decline" });
    const form = ask(method, {
      serverName: "notes",
      message: "Which?",
      _meta: null,
      requestedSchema: { type: "object" },
    });
    expect(form.question).toMatchObject({ kind: "elicitation", title: "Which?", schema: { type: "object" } });
    const accepted = form.answer({ outcome: "accepted", content: { one: 1 } });
    expect(accepted).toMatchObject({ action: "accept", content: { one: 1 } });
  });

  test("more permissions are granted for the turn, or not at all", () => {
    const wanted = { network: { enabled: true }, fileSystem: null };
    const asking = ask("item/permissions/requestApproval", { itemId: "p", permissions: wanted });
    expect(asking.answer(reply(asking, "allow"))).toEqual({ permissions: wanted, scope: "turn" });
    expect(asking.answer(reply(asking, "deny"))).toEqual({ permissions: {}, scope: "turn" });
  });

  test("questions of the agent are a form, and answers go by their names", () => {
    const options = [{ label: "red", description: "" }];
    const questions = [{ id: "q1", header: "Colour", question: "Which colour?", isOther: false, options }];
    const asking = ask("item/tool/requestUserInput", { questions });
    expect(asking.question.schema).toMatchObject({ properties: { q1: { enum: ["red"] } }, required: ["q1"] });
    const answers = asking.answer({ outcome: "accepted", content: { q1: "red", other: "x" } });
    expect(answers).toEqual({ answers: { q1: { answers: ["red"] } } });
    expect(asking.answer({ outcome: "declined" })).toEqual({ answers: {} });
  });
});

describe("failures", () => {
  const kind = "codexErrorInfo";

  test("have the kind that Codex names, the status, and the sentence inside the body", () => {
    const message = JSON.stringify({ error: { message: "too long", type: "invalid_request_error", code: null } });
    expect(failure({ message, [kind]: "contextWindowExceeded" }).toRecord()).toMatchObject({
      code: "harness.refused",
      detail: "too long",
      more: { reason: "contextWindowExceeded", modelError: { type: "invalid_request_error" } },
    });
    const limited = { responseTooManyFailedAttempts: { httpStatusCode: 429 } };
    expect(failure({ message: "exceeded retry limit", [kind]: limited }).toRecord()).toMatchObject({
      detail: "exceeded retry limit",
      more: { reason: "responseTooManyFailedAttempts", httpStatus: 429 },
    });
  });

  test("without a word are failures too", () => expect(failure(null).code).toBe("harness.refused"));
});

describe("counting", () => {
  const counts = (inputTokens: number, outputTokens: number) => ({
    totalTokens: inputTokens + outputTokens,
    inputTokens,
    cachedInputTokens: 10,
    cacheWriteInputTokens: 0,
    outputTokens,
    reasoningOutputTokens: 2,
  });

  test("a turn costs what the totals grew by, though they are told twice", () => {
    const meter = createMeter();
    meter.begin();
    meter.note({ total: counts(100, 5), last: counts(100, 5) });
    meter.note({ total: counts(100, 5), last: counts(100, 5) });
    expect(meter.spent()).toMatchObject({ inputTokens: 90, cachedReadTokens: 10, outputTokens: 3, thoughtTokens: 2 });
    meter.begin();
    meter.note({ total: counts(100, 5), last: counts(100, 5) });
    expect(meter.spent()).toBeUndefined();
    meter.note({ total: counts(250, 9), last: counts(150, 4) });
    expect(meter.spent()?.totalTokens).toBe(154);
  });

  test("what was spent before a process came is not counted again", () => {
    const meter = createMeter();
    meter.begin();
    meter.note({ total: counts(1000, 50), last: counts(100, 5) });
    expect(meter.spent()?.totalTokens).toBe(105);
  });
});

describe("settings", () => {
  test("go whole with every prompt, so that nothing of an earlier mode stays", () => {
    for (const { id } of modes) {
      expect(Object.keys(turnSettings(modeOf(id), "m")).toSorted()).toEqual([
        "approvalPolicy",
        "collaborationMode",
        "model",
        "sandboxPolicy",
      ]);
    }
    expect(turnSettings(modeOf("plan"), "m")).toMatchObject({
      sandboxPolicy: { type: "readOnly" },
      collaborationMode: { mode: "plan", settings: { model: "m" } },
    });
  });

  test("only one mode asks nobody", () => {
    expect(modes.filter(({ asks: when }) => when === "never").map(({ id }) => id)).toEqual(["full-access"]);
  });

  test("a model that is in use can be chosen, though the list does not have it", () => {
    const [, model] = configOptions("plan", "other", [{ id: "m", name: "M" }]);
    expect(model?.options).toEqual([
      { value: "other", name: "other" },
      { value: "m", name: "M" },
    ]);
  });
});

describe("prompts", () => {
  test("have pictures and resources", () => {
    expect(
      inputOf([
        { type: "text", text: "look" },
        { type: "image", mimeType: "image/png", data: "AA==" },
        { type: "resource_link", name: "a", uri: "file:///a" },
      ] as Parameters<typeof inputOf>[0]),
    ).toMatchObject([{ text: "look" }, { url: "data:image/png;base64,AA==" }, { text: "[a](file:///a)" }]);
  });

  test("MCP servers are named so that Codex takes them, and one that it cannot reach is refused", () => {
    const env = [{ name: "KEY", value: "v" }];
    expect(mcpServersOf([{ name: "my notes", command: "node", args: ["x"], env }])).toEqual({
      my_notes: { command: "node", args: ["x"], env: { KEY: "v" } },
    });
    expect(mcpServersOf([{ name: "web", type: "http", url: "http://h/", headers: env }])).toEqual({
      web: { url: "http://h/", http_headers: { KEY: "v" } },
    });
    expect(() => mcpServersOf([{ name: "old", type: "sse", url: "http://h/" }])).toThrow("SSE");
  });
});

test("a configuration is a line for each name, with tables inline", () => {
  expect(toml({ a: 'x\n"y"', n: 1, off: false, t: { "odd name": ["p", "q"], in: {} } })).toBe(
    'a = "x\\n\\"y\\""\nn = 1\noff = false\nt = { "odd name" = ["p", "q"], in = {  } }\n',
  );
});

describe("what the sandbox leaves", () => {
  let root = "";
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "corral-"));
  });
  afterEach(() => rm(root, { recursive: true }));

  test("is removed where it is empty and was not there before, also by the next process (invariant 10)", async () => {
    const need = { cwd: join(root, "w"), stateDir: root };
    await mkdir(join(need.cwd, ".agents"), { recursive: true });
    const first = await openMountPoints(need);
    for (const name of [".codex", ".git", ".aws"]) await mkdir(join(need.cwd, name));
    await writeFile(join(need.cwd, ".git", "HEAD"), "ref: refs/heads/main\n");
    await first.tidy();
    expect((await readdir(need.cwd)).toSorted()).toEqual([".agents", ".git"]);
    await mkdir(join(need.cwd, ".codex"));
    await openMountPoints(need);
    expect((await readdir(need.cwd)).toSorted()).toEqual([".agents", ".git"]);
  });
});
