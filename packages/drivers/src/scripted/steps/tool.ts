/** The step that uses a tool, from its announcement to the shape of its result. */

import { resolve } from "node:path";
import { record, textBlock } from "../history.ts";
import type { JsonObject } from "../json.ts";
import { RpcError } from "../rpc-error.ts";
import type { Ending, Scene } from "../scene.ts";
import type { Branches, ToolStep } from "../story-shape.ts";
import { askPermission } from "./client.ts";
import { currentText, type Result, use } from "./tool-use.ts";

const refusals = { denied: "The user did not allow this.", cancelled: "The question was cancelled." } as const;

export async function tool(scene: Scene, step: ToolStep): Promise<Ending | undefined> {
  const toolCallId = step.id ?? scene.name("call");
  const call = await announced(scene, step, toolCallId);
  await scene.update({ sessionUpdate: "tool_call", ...call });
  return scene.play(step[await perform(scene, step, call, toolCallId)]);
}

/** Asks, does and tells; answers how it was answered. */
async function perform(scene: Scene, step: ToolStep, call: JsonObject, toolCallId: string): Promise<keyof Branches> {
  const tell = (more: JsonObject) => scene.update({ sessionUpdate: "tool_call_update", toolCallId, ...more });
  const fail = (text: string) => tell({ status: "failed", content: [content(text)] });
  try {
    const branch = step.ask ? await askPermission(scene, call, step.ask) : "allowed";
    if (branch !== "allowed") {
      await fail(refusals[branch]);
      return branch;
    }
    await tell({ status: "in_progress" });
    const result = await use(scene, step, { onTerminal: (terminalId) => tell({ content: [terminal(terminalId)] }) });
    if (!step.unfinished) await tell(finished(step, toolCallId, result, diffOf(call)));
    return branch;
  } catch (error) {
    if (scene.signal.aborted) tellAborted(scene, toolCallId);
    else await fail(RpcError.from(error).message);
    throw error;
  }
}

async function announced(scene: Scene, step: ToolStep, toolCallId: string): Promise<JsonObject> {
  const { cwd } = scene.session;
  const input =
    step.input ?? ((step.run ?? step.terminal) ? { command: step.run ?? step.terminal?.command, cwd } : undefined);
  const diff = step.diff && [await diffContent(scene, step.diff)];
  const shown = step.output === "meta" ? [terminal(toolCallId)] : diff;
  return {
    toolCallId,
    title: scene.fill(step.title),
    kind: step.kind,
    status: "pending",
    ...(step.locations.length > 0
      ? { locations: step.locations.map((at) => ({ ...at, path: resolve(cwd, at.path) })) }
      : {}),
    ...(input === undefined ? {} : { rawInput: input }),
    ...(shown ? { content: shown } : {}),
    ...(step.output === "meta" ? { _meta: { terminal_info: { cwd, terminal_id: toolCallId } } } : {}),
  };
}

async function diffContent(scene: Scene, { path, old, text }: NonNullable<ToolStep["diff"]>): Promise<JsonObject> {
  const file = resolve(scene.session.cwd, path);
  return { type: "diff", path: file, oldText: old ?? (await currentText(file)) ?? null, newText: scene.fill(text) };
}

const content = (text: string): JsonObject => ({ type: "content", content: textBlock(text) });
const terminal = (terminalId: string): JsonObject => ({ type: "terminal", terminalId });
const diffOf = (call: JsonObject): readonly JsonObject[] =>
  Array.isArray(call.content) ? call.content.filter(({ type }) => type === "diff") : [];

/** The last word on a call, in one of the three shapes that harnesses use. */
function finished(step: ToolStep, toolCallId: string, result: Result, diff: readonly JsonObject[]): JsonObject {
  const { text, exit, signal, terminalId } = result;
  const status = step.status ?? ((exit ?? 0) !== 0 || signal || result.failed ? "failed" : "completed");
  if (step.output === "meta") {
    const of = { terminal_id: toolCallId };
    return {
      status,
      _meta: {
        ...(text ? { terminal_output_delta: { ...of, data: text } } : {}),
        terminal_exit: { ...of, exit_code: exit ?? (signal ? null : 0), signal: signal ?? null },
      },
    };
  }
  const shown = [
    ...(terminalId ? [terminal(terminalId)] : []),
    ...(text === undefined ? [] : [content(text)]),
    ...diff,
  ];
  const rawOutput = { output: text ?? "", metadata: { ...(exit === undefined ? {} : { exit }), truncated: false } };
  return { status, ...(shown.length > 0 ? { content: shown } : {}), ...(step.output === "raw" ? { rawOutput } : {}) };
}

/** A cancelled turn takes no more updates of its own, yet its open tool call wants an end. */
function tellAborted(scene: Scene, toolCallId: string): void {
  const update = { sessionUpdate: "tool_call_update", toolCallId, status: "failed", content: [content("Cancelled.")] };
  record(scene.session.messages, update);
  void scene.wire.notify("session/update", { sessionId: scene.session.id, update });
}
