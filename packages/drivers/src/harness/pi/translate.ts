/** From Pi's events to the updates of ACP: pure. */

import { type Frame, frame } from "@corral/kernel";
import type { SessionUpdate, Usage } from "@corral/protocol";
import { text } from "../reading.ts";
import { toolOutput, toolView } from "./tools.ts";

const chunkNames: Readonly<Record<string, string>> = {
  text_delta: "agent_message_chunk",
  thinking_delta: "agent_thought_chunk",
};

function spoken({ assistantMessageEvent }: Frame): readonly SessionUpdate[] {
  const { type, delta } = frame(assistantMessageEvent);
  const sessionUpdate = chunkNames[text(type)];
  if (sessionUpdate === undefined || text(delta) === "") return [];
  return [{ sessionUpdate, content: { type: "text", text: text(delta) } }];
}

const callOf = ({ toolCallId }: Frame) => ({ sessionUpdate: "tool_call_update", toolCallId: text(toolCallId) });

const tellings: Readonly<Record<string, (event: Frame) => readonly SessionUpdate[]>> = {
  message_update: spoken,
  tool_execution_start: (event) => [
    {
      ...callOf(event),
      sessionUpdate: "tool_call",
      status: "in_progress",
      ...toolView(text(event.toolName), event.args),
    },
  ],
  tool_execution_update: (event) => [{ ...callOf(event), ...toolOutput(event.partialResult) }],
  tool_execution_end: (event) => [
    { ...callOf(event), status: event.isError === true ? "failed" : "completed", ...toolOutput(event.result) },
  ],
};

export const updatesOf = (type: string, event: Frame): readonly SessionUpdate[] => tellings[type]?.(event) ?? [];

/** How one answer of the model ended, and what it cost. */
export interface Answer {
  readonly stopReason: string;
  readonly error?: string;
  readonly usage: Usage;
}

const count = (thing: unknown): number => (typeof thing === "number" && thing > 0 ? thing : 0);

function usageOf({ input, output, cacheRead, cacheWrite, reasoning, totalTokens }: Frame): Usage {
  return {
    inputTokens: count(input),
    outputTokens: count(output),
    totalTokens: count(totalTokens),
    ...(count(reasoning) > 0 ? { thoughtTokens: count(reasoning) } : {}),
    ...(count(cacheRead) > 0 ? { cachedReadTokens: count(cacheRead) } : {}),
    ...(count(cacheWrite) > 0 ? { cachedWriteTokens: count(cacheWrite) } : {}),
  };
}

function endOf({ stopReason, errorMessage }: Frame): Omit<Answer, "usage"> {
  const error = text(errorMessage) || "Pi gave no reason.";
  return { stopReason: text(stopReason), ...(stopReason === "error" ? { error } : {}) };
}

/** An answer may end with an error inside of it. What it cost is told by its end alone, which may not come. */
function brokenOff({ assistantMessageEvent }: Frame): Answer | undefined {
  const { type, reason, error } = frame(assistantMessageEvent);
  return type === "error" ? { ...endOf({ stopReason: reason, ...frame(error) }), usage: {} } : undefined;
}

export function answerOf(type: string, event: Frame): Answer | undefined {
  if (type === "message_update") return brokenOff(event);
  const message = frame(event.message);
  if (type !== "message_end" || message.role !== "assistant") return undefined;
  return { ...endOf(message), usage: usageOf(frame(message.usage)) };
}
