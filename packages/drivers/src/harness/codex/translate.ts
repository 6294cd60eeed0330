/** From what Codex tells of a turn to updates of the session: no I/O, and nothing remembered but what is not yet over. */

import { type Frame, frame, isFrame } from "@corral/kernel";
import type { SessionUpdate } from "@corral/protocol";
import { text } from "../reading.ts";
import { createSpeech, type Speech, type Voice } from "./speech.ts";
import { endStatus, toolView } from "./tools.ts";

/** These are told in other ways, or by ourselves: the prompt of a person is in the log already. */
const silent = new Set(["userMessage", "hookPrompt", "enteredReviewMode", "exitedReviewMode", "functionCallOutput"]);

/** They say again with every launch or prompt what nobody can do anything about. */
const idleWarnings = [/^Model metadata for .* not found/, /could not find bubblewrap on PATH/];

const spoken: Readonly<Record<string, (item: Frame) => readonly [Voice, string]>> = {
  agentMessage: (item) => ["agent_message_chunk", text(item.text)],
  plan: (item) => ["agent_message_chunk", text(item.text)],
  reasoning: ({ summary, content }) => ["agent_thought_chunk", paragraphs(summary) || paragraphs(content)],
};

const paragraphs = (parts: unknown): string => (Array.isArray(parts) ? parts.map(text).join("\n\n") : "");

const planStatus: Readonly<Record<string, string>> = { inProgress: "in_progress", completed: "completed" };

type Step = (params: Frame, telling: Telling) => readonly SessionUpdate[];

export class Telling {
  readonly speech: Speech = createSpeech();
  /** Tool calls that have been told and are not over, as Codex described them. */
  readonly open = new Map<string, Frame>();

  /** Another turn: whatever of the last one is not over is nobody's any more. */
  begin(): void {
    this.speech.fresh();
    this.open.clear();
  }

  /** What a notification means to those who follow the session; most mean nothing. */
  hear(method: string, params: Frame): readonly SessionUpdate[] {
    return steps.get(method)?.(params, this) ?? [];
  }

  began(item: Frame): readonly SessionUpdate[] {
    const id = text(item.id);
    if (silent.has(text(item.type)) || text(item.type) in spoken || item.type === "contextCompaction") return [];
    this.speech.fresh();
    this.open.set(id, item);
    return [{ sessionUpdate: "tool_call", toolCallId: id, status: "in_progress", ...toolView(item) }];
  }

  ended(item: Frame): readonly SessionUpdate[] {
    const id = text(item.id);
    const say = spoken[text(item.type)];
    if (say) return this.speech.whole(say(item)[0], id, say(item)[1]);
    if (silent.has(text(item.type))) return [];
    if (item.type === "contextCompaction") return [notice("info", "The conversation was made shorter.")];
    const sessionUpdate = this.open.delete(id) ? "tool_call_update" : "tool_call";
    return [{ sessionUpdate, toolCallId: id, status: endStatus(item), ...toolView(item) }];
  }
}

const notice = (severity: string, title: string): SessionUpdate => ({ sessionUpdate: "notice", severity, title });

const says =
  (voice: Voice): Step =>
  ({ itemId, delta }, { speech }) =>
    speech.said(voice, text(itemId), text(delta));

const warns =
  (words: "message" | "summary"): Step =>
  (params) => {
    const said = text(params[words]);
    return said === "" || idleWarnings.some((idle) => idle.test(said)) ? [] : [notice("warning", said)];
  };

/** A map, since a method is the other side's to name, and an object answers to names such as "constructor". */
const steps: ReadonlyMap<string, Step> = new Map<string, Step>(
  Object.entries<Step>({
    "item/started": ({ item }, telling) => telling.began(frame(item)),
    "item/completed": ({ item }, telling) => telling.ended(frame(item)),
    "item/agentMessage/delta": says("agent_message_chunk"),
    "item/plan/delta": says("agent_message_chunk"),
    "item/reasoning/summaryTextDelta": says("agent_thought_chunk"),
    "item/reasoning/textDelta": says("agent_thought_chunk"),
    "item/reasoning/summaryPartAdded": ({ itemId, summaryIndex }, { speech }) =>
      summaryIndex === 0 ? [] : speech.said("agent_thought_chunk", text(itemId), "\n\n"),
    "item/commandExecution/outputDelta": ({ itemId, delta }) => [
      {
        sessionUpdate: "tool_call_update",
        toolCallId: text(itemId),
        _meta: { terminal_output_delta: { data: text(delta) } },
      },
    ],
    "item/fileChange/patchUpdated": ({ itemId, changes }) => [
      { sessionUpdate: "tool_call_update", toolCallId: text(itemId), ...toolView({ type: "fileChange", changes }) },
    ],
    "turn/plan/updated": ({ plan }) => [{ sessionUpdate: "plan", entries: entriesOf(plan) }],
    "thread/name/updated": ({ threadName }) =>
      text(threadName) === "" ? [] : [{ sessionUpdate: "session_info_update", title: threadName }],
    "thread/tokenUsage/updated": ({ tokenUsage }) => contextOf(frame(tokenUsage)),
    error: ({ willRetry }, { speech }) => {
      if (willRetry === true) speech.broken();
      return [];
    },
    warning: warns("message"),
    guardianWarning: warns("message"),
    configWarning: warns("summary"),
    deprecationNotice: warns("summary"),
  }),
);

const entriesOf = (plan: unknown): readonly Frame[] =>
  (Array.isArray(plan) ? plan.filter(isFrame) : []).map(({ step, status }) => ({
    content: text(step),
    priority: "medium",
    status: planStatus[text(status)] ?? "pending",
  }));

function contextOf({ last, modelContextWindow }: Frame): readonly SessionUpdate[] {
  const used = frame(last).totalTokens;
  if (typeof used !== "number" || typeof modelContextWindow !== "number") return [];
  return [{ sessionUpdate: "usage_update", used, size: modelContextWindow }];
}
