/** The odd shapes in which harnesses speak, and what each becomes. */
import { Fault } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { RpcError } from "./rpc.ts";
import {
  elicitationResult,
  permissionResult,
  readAgentCard,
  readChoices,
  readElicitation,
  readPermission,
  readPromptResult,
  readUpdate,
  refusal,
  settingCalls,
} from "./translate.ts";

const nothing = [undefined, null, 7, "text", [], {}];

describe("what a harness says it can do", () => {
  test("a capability is an object that is there, a flag that is true, and never null or false", () => {
    const card = (sessionCapabilities: unknown, more = {}) =>
      readAgentCard({ agentCapabilities: { sessionCapabilities, ...more } });
    expect(card({ resume: {}, fork: {}, close: {} })).toMatchObject({ resumes: true, forks: true, closes: true });
    expect(card({ resume: null, fork: false })).toMatchObject({ resumes: false, forks: false, closes: false });
    expect(card({}, { loadSession: true, promptCapabilities: { image: true } })).toMatchObject({
      loads: true,
      images: true,
    });
    expect(
      readAgentCard({ _meta: { steering: { supported: true } }, agentInfo: { name: "x", version: "1" } }),
    ).toMatchObject({
      steers: true,
      name: "x",
      version: "1",
    });
  });

  test.each(nothing)("%j says that it can do nothing", (told) => {
    expect(readAgentCard(told)).toEqual({
      loads: false,
      resumes: false,
      forks: false,
      closes: false,
      images: false,
      steers: false,
    });
  });
});

describe("updates", () => {
  test("an update is kept as it came, whatever its kind and its fields", () => {
    const update = { sessionUpdate: "never_heard_of", _meta: { a: [1, null] }, deep: { x: 1 } };
    expect(readUpdate({ sessionId: "n", update })).toEqual({ native: "n", update });
    expect(readUpdate({ sessionId: "n", update })?.update).toBe(update);
  });

  test.each([
    ...nothing,
    { sessionId: "n" },
    { sessionId: "n", update: {} },
    { update: { sessionUpdate: "x" } },
    { sessionId: 7, update: { sessionUpdate: "x" } },
  ])("%j is no update", (params) => expect(readUpdate(params)).toBeUndefined());
});

describe("questions", () => {
  test("options and the tool call are kept verbatim, and the title is what there is", () => {
    const options = [{ optionId: "a", name: "A", kind: "allow_once", _meta: { x: 1 } }, { optionId: "b" }];
    const toolCall = { toolCallId: "c", title: "rm -rf", kind: "execute", rawInput: { command: "rm -rf" } };
    expect(readPermission({ sessionId: "n", toolCall, options })).toEqual({
      kind: "permission",
      title: "rm -rf",
      toolCall,
      options: [options[0], { optionId: "b", name: "", kind: "" }],
    });
    expect(readPermission({ toolCall: { name: "Bash", kind: "execute" } }).title).toBe("Bash");
    expect(readPermission({ toolCall: { title: "", kind: "edit" } }).title).toBe("edit");
  });

  test.each(nothing)("a permission request of %j is a question without options, which nobody can allow", (params) => {
    expect(readPermission(params)).toEqual({ kind: "permission", title: "Use a tool", toolCall: {}, options: [] });
  });

  test("an option without an id, or of another shape, is not an option", () => {
    expect(
      readPermission({ options: [null, "yes", { name: "x" }, { optionId: 7 }, { optionId: "ok" }] }).options,
    ).toEqual([{ optionId: "ok", name: "", kind: "" }]);
  });

  test("a form carries its schema, and a page to visit its address", () => {
    const requestedSchema = { type: "object", properties: { name: { type: "string" } } };
    expect(readElicitation({ mode: "form", message: "Who?", requestedSchema })).toEqual({
      kind: "elicitation",
      title: "Who?",
      options: [],
      schema: requestedSchema,
    });
    expect(readElicitation({ mode: "url", message: "Log in", url: "https://x.example", elicitationId: "1" })).toEqual({
      kind: "elicitation",
      title: "Log in (https://x.example)",
      options: [],
    });
    expect(readElicitation(undefined).title).toBe("The agent has a question.");
  });

  test("replies are told in the protocol's words, and whatever is no choice is cancelled (AR-12)", () => {
    const option = { optionId: "a", name: "A", kind: "allow_once" };
    expect(permissionResult({ outcome: "selected", option })).toEqual({
      outcome: { outcome: "selected", optionId: "a" },
    });
    for (const outcome of ["declined", "cancelled"] as const) {
      expect(permissionResult({ outcome })).toEqual({ outcome: { outcome: "cancelled" } });
    }
    expect(permissionResult({ outcome: "accepted", content: {} })).toEqual({ outcome: { outcome: "cancelled" } });
    expect(elicitationResult({ outcome: "accepted", content: { a: 1 } })).toEqual({
      action: "accept",
      content: { a: 1 },
    });
    expect(elicitationResult({ outcome: "declined" })).toEqual({ action: "decline" });
    expect(elicitationResult({ outcome: "cancelled" })).toEqual({ action: "cancel" });
  });
});

describe("usage", () => {
  const quota = (token_count: unknown) => ({ stopReason: "end_turn", _meta: { quota: { token_count } } });

  test("a field of the result is preferred, and a quota beside it is not counted again (Codex, Claude)", () => {
    const usage = { inputTokens: 840, outputTokens: 42, totalTokens: 1082, cachedReadTokens: 200 };
    const both = { ...quota({ inputTokens: 840, cachedInputTokens: 200, outputTokens: 42, totalTokens: 1082 }), usage };
    expect(readPromptResult(both)).toEqual({ stopReason: "end_turn", usage });
  });

  test("a quota alone is read, in either spelling (Gemini)", () => {
    expect(readPromptResult(quota({ input_tokens: 1020, output_tokens: 42 })).usage).toEqual({
      inputTokens: 1020,
      outputTokens: 42,
    });
    const claude = {
      totalTokens: 9,
      inputTokens: 5,
      cachedInputTokens: 2,
      cachedWriteTokens: 0,
      outputTokens: 4,
      reasoningOutputTokens: 1,
    };
    expect(readPromptResult(quota(claude)).usage).toEqual({
      totalTokens: 9,
      inputTokens: 5,
      cachedReadTokens: 2,
      cachedWriteTokens: 0,
      outputTokens: 4,
      thoughtTokens: 1,
    });
    expect(readPromptResult(quota({ inputTokens: 1, cachedReadTokens: 3 })).usage).toEqual({
      inputTokens: 1,
      cachedReadTokens: 3,
    });
  });

  test("what nobody counted is unknown, and not zero (Pi)", () => {
    expect(readPromptResult({ stopReason: "cancelled", usage: null, _meta: { quota: { token_count: null } } })).toEqual(
      {
        stopReason: "cancelled",
      },
    );
    for (const result of nothing) expect(readPromptResult(result)).toEqual({ stopReason: "end_turn" });
  });
});

describe("settings", () => {
  const mode = {
    id: "mode",
    category: "mode",
    options: [
      { value: "plan", name: "Plan" },
      { value: "build", name: "Build" },
    ],
  };
  const grouped = {
    id: "llm",
    category: "model",
    options: [
      { group: "a", name: "A", options: [{ value: "a/1", name: "1" }] },
      { group: "b", name: "B", options: [{ value: "b/1", name: "1" }] },
    ],
  };
  const older = {
    modes: {
      currentModeId: "default",
      availableModes: [
        { id: "default", name: "D" },
        { id: "yolo", name: "Y" },
      ],
    },
    models: {
      currentModelId: "m1",
      availableModels: [
        { modelId: "m1", name: "M" },
        { modelId: "m2", name: "N" },
      ],
    },
  };

  test("config options are preferred, and their own id is used", () => {
    const choices = readChoices({ configOptions: [mode, grouped], ...older });
    expect(settingCalls("n", choices, { mode: "plan", model: "b/1" })).toEqual([
      { method: "session/set_config_option", params: { sessionId: "n", configId: "mode", value: "plan" } },
      { method: "session/set_config_option", params: { sessionId: "n", configId: "llm", value: "b/1" } },
    ]);
  });

  test("a harness that knows only modes and models is asked in those words (Gemini)", () => {
    expect(settingCalls("n", readChoices(older), { mode: "yolo", model: "m2" })).toEqual([
      { method: "session/set_mode", params: { sessionId: "n", modeId: "yolo" } },
      { method: "session/set_model", params: { sessionId: "n", modelId: "m2" } },
    ]);
  });

  test("a model may be an option while modes are the old ones (Claude)", () => {
    const choices = readChoices({ configOptions: [grouped], modes: older.modes });
    expect(settingCalls("n", choices, { mode: "yolo", model: "a/1" }).map(({ method }) => method)).toEqual([
      "session/set_mode",
      "session/set_config_option",
    ]);
  });

  test("a value that is not offered is refused with those that are, before the harness is asked", () => {
    const refused = (wanted: { mode?: string; model?: string }, from: unknown) => {
      try {
        settingCalls("n", readChoices(from), wanted);
      } catch (error) {
        return error;
      }
      throw new Error("nothing was refused");
    };
    expect(refused({ mode: "x" }, { configOptions: [mode] })).toMatchObject({
      code: "agent.cannot",
      help: "Choose one of: plan, build.",
      more: { offered: ["plan", "build"] },
    });
    expect(refused({ model: "a" }, { configOptions: [grouped] })).toMatchObject({ more: { offered: ["a/1", "b/1"] } });
    for (const from of nothing) {
      expect(refused({ model: "m" }, from)).toMatchObject({
        message: "The agent offers no choice of model.",
        help: undefined,
      });
    }
  });

  test("nothing is asked when nothing is wanted", () => {
    for (const from of nothing) expect(settingCalls("n", readChoices(from), {})).toEqual([]);
  });
});

test("an error that the harness answered becomes a refusal with its code and its data", () => {
  const more = { details: "stub error 400" };
  const fault = refusal(new RpcError(-32603, "Internal error", more), "session/prompt");
  expect(fault).toBeInstanceOf(Fault);
  expect(fault).toMatchObject({
    code: "harness.refused",
    message: "Internal error",
    more: { method: "session/prompt", rpcCode: -32603, data: more },
  });
  const other = new Error("something else");
  expect(refusal(other, "m")).toBe(other);
});
