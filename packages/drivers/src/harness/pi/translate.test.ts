/** What Pi 0.87.1 really said in its RPC mode, in the words of ACP. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Frame, isFrame } from "@corral/kernel";
import { addUsage, chunkText, type Usage } from "@corral/protocol";
import { expect, test } from "vitest";
import { failure } from "./failure.ts";
import { gateCall, gateName, granted } from "./gate.ts";
import { promptOf } from "./prompts.ts";
import { type Answer, answerOf, updatesOf } from "./translate.ts";
import { frameOf, recordOf } from "./wire.ts";

const file = fileURLToPath(new URL("../../../../../fixtures/transcripts/pi-rpc.jsonl", import.meta.url));

interface Turn {
  readonly prompt: string;
  readonly updates: readonly Frame[];
  readonly last: Answer | undefined;
  readonly usage: Usage;
}

/** Everything that was said from one prompt to its end; where another one was waiting, Pi settles only after that. */
function recordedTurn(prompt: string): Turn {
  const rows = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { dir?: string; msg?: Frame });
  const from = rows.findIndex(({ msg }) => msg?.type === "prompt" && msg.message === prompt);
  const to = rows.findIndex(({ msg }, at) => at > from && msg?.type === "agent_end");
  const frames = rows.slice(from, to).flatMap(({ dir, msg }) => (dir === "pi>host" && msg ? [frameOf(msg)] : []));
  const heard = frames.map(({ method, params }) => [String(method), isFrame(params) ? params : {}] as const);
  const answers = heard.flatMap((one) => answerOf(...one) ?? []);
  return {
    prompt,
    updates: heard.flatMap((one) => updatesOf(...one)),
    last: answers.at(-1),
    usage: answers.reduce<Usage>((sum, { usage }) => addUsage(sum, usage), {}),
  };
}

const saidIn = ({ updates }: Turn, name: string): string =>
  updates
    .filter(({ sessionUpdate }) => sessionUpdate === name)
    .map((update) => chunkText(update as never) ?? "")
    .join("");

test("text and thoughts are told as they come (D-35)", () => {
  expect(saidIn(recordedTurn("hi there"), "agent_message_chunk")).toBe("Hello from the stub model.");
  expect(saidIn(recordedTurn("THINK"), "agent_thought_chunk")).toBe("Let me think about it.");
});

test("a tool is told from its beginning to its end, with its output (D-35)", () => {
  const { updates } = recordedTurn("RUN_TOOL");
  const calls = updates.filter(({ toolCallId }) => toolCallId !== undefined);
  const command = "echo tool-ran > tool-proof.txt && cat tool-proof.txt";
  expect(calls[0]).toMatchObject({
    sessionUpdate: "tool_call",
    title: command,
    kind: "execute",
    rawInput: { command },
  });
  expect(calls.at(-1)).toMatchObject({
    status: "completed",
    content: [{ type: "content", content: { type: "text", text: "tool-ran\n" } }],
  });
  expect(new Set(calls.map(({ toolCallId }) => toolCallId)).size).toBe(1);
});

test("what a tool has printed so far takes the place of what was told before, for Pi tells all of it each time (D-35)", () => {
  const printed = ["one\n", "one\ntwo\n"];
  const updates = printed.flatMap((text) =>
    updatesOf("tool_execution_update", { toolCallId: "t1", partialResult: { content: [{ type: "text", text }] } }),
  );
  expect(updates).toEqual(
    printed.map((text) => ({
      sessionUpdate: "tool_call_update",
      toolCallId: "t1",
      content: [{ type: "content", content: { type: "text", text } }],
    })),
  );
});

test("the tokens of a turn are those of all its answers", () => {
  expect(recordedTurn("RUN_TOOL").usage).toEqual({
    inputTokens: 1740,
    outputTokens: 84,
    cachedReadTokens: 400,
    totalTokens: 2224,
  });
});

test("a model that fails is a failure with the status that it answered", () => {
  const { last, updates } = recordedTurn("FAIL400");
  expect(updates).toEqual([]);
  expect(last?.stopReason).toBe("error");
  const fault = failure(last?.error ?? "");
  expect([fault.code, fault.message]).toEqual(["harness.refused", expect.stringContaining("stub error 400")]);
  expect(fault.more).toMatchObject({ method: "prompt", httpStatus: 400 });
});

test("an answer may end with an error inside of it and nothing after: it has failed, and costs nothing twice (D-35)", () => {
  const error = { role: "assistant", stopReason: "error", errorMessage: "overloaded", usage: { input: 3, output: 1 } };
  const inside = answerOf("message_update", { assistantMessageEvent: { type: "error", reason: "error", error } });
  expect(inside).toEqual({ stopReason: "error", error: "overloaded", usage: {} });
  const after = answerOf("message_end", { message: error });
  expect(after).toMatchObject({ stopReason: "error", error: "overloaded", usage: { inputTokens: 3 } });
  expect(answerOf("message_update", { assistantMessageEvent: { type: "text_delta", delta: "a" } })).toBeUndefined();
});

test("an error that is a sentence stays one", () => {
  const fault = failure("terminated");
  expect(fault.message).toContain("terminated");
  expect(fault.more).toEqual({ method: "prompt" });
});

test("an answer that was broken off by a person is told as such", () => {
  expect(recordedTurn("SLOW").last?.stopReason).toBe("aborted");
});

test("commands and dialogs of Pi are requests both ways, and a dialog that nobody takes is dismissed", () => {
  expect(recordOf({ jsonrpc: "2.0", id: 7, method: "abort", params: {} })).toEqual({ id: "7", type: "abort" });
  expect(frameOf({ id: "7", type: "response", command: "abort", success: true })).toEqual({ id: 7, result: {} });
  const refused = { id: "8", type: "response", command: "prompt", success: false, error: "No model." };
  expect(frameOf(refused)).toEqual({ id: 8, error: { message: "No model." } });
  const dialog = { type: "extension_ui_request", id: "uuid", method: "confirm", title: "Sure?" };
  expect(frameOf(dialog)).toMatchObject({ id: "uuid", method: "dialog", params: { title: "Sure?" } });
  expect(recordOf({ id: "uuid", result: { confirmed: true } })).toMatchObject({ id: "uuid", confirmed: true });
  expect(recordOf({ id: "uuid", error: { code: 1 } })).toMatchObject({ id: "uuid", cancelled: true });
});

test("the gate asks about a tool in the words in which the tool is told", () => {
  const message = JSON.stringify({ toolCallId: "c1", toolName: "write", input: { path: "a.txt", content: "new" } });
  const { tool, question } = gateCall({ method: "confirm", title: gateName, message }) ?? {};
  expect(tool).toBe("write");
  expect(question).toMatchObject({
    title: "write a.txt",
    toolCall: { toolCallId: "c1", kind: "edit", content: [{ type: "diff", path: "a.txt", newText: "new" }] },
  });
  expect(question?.options.map(({ kind }) => kind)).toEqual(["allow_once", "allow_always", "reject_once"]);
  expect(gateCall({ method: "confirm", title: "Another extension", message })).toBeUndefined();
  const always = question?.options[1];
  expect(always && granted({ outcome: "selected", option: always })).toBe("always");
  expect(granted({ outcome: "cancelled" })).toBe("no");
});

test("a prompt is one text, with its pictures beside it", () => {
  const picture = { type: "image" as const, mimeType: "image/png", data: "AA==" };
  const link = { type: "resource_link" as const, name: "notes", uri: "file:///notes.md" };
  expect(promptOf([{ type: "text", text: "Look:" }, link, picture])).toEqual({
    message: "Look:\n[notes](file:///notes.md)",
    images: [picture],
  });
});
