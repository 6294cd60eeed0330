/** The tools that a harness asked about and told nothing else of: they are told as begun when it asks, and as failed when they were denied. */
import type { SessionUpdate } from "@corral/protocol";
import type { Question, Reply } from "../ports/harness.ts";

export interface AskedTools {
  /** What is left to tell of the tool that is asked about. */
  asked(question: Question): readonly SessionUpdate[];
  answered(question: Question, reply: Reply): void;
  heard(update: SessionUpdate): void;
  /** The ends of denied tools that nobody told, once the prompt is over. */
  rest(): readonly SessionUpdate[];
}

const idOf = ({ toolCall }: Question): string | undefined =>
  typeof toolCall?.toolCallId === "string" ? toolCall.toolCallId : undefined;

const isDenial = (reply: Reply): boolean =>
  reply.outcome === "selected" ? reply.option.kind.startsWith("reject") : reply.outcome !== "accepted";

export function watchAskedTools(): AskedTools {
  const told = new Set<string>();
  const denied = new Set<string>();
  return {
    asked(question) {
      const toolCallId = idOf(question);
      if (toolCallId === undefined || told.has(toolCallId)) return [];
      told.add(toolCallId);
      return [{ ...question.toolCall, sessionUpdate: "tool_call", toolCallId }];
    },
    answered(question, reply) {
      const toolCallId = idOf(question);
      if (toolCallId !== undefined && isDenial(reply)) denied.add(toolCallId);
    },
    heard({ sessionUpdate, toolCallId, status }) {
      if (typeof toolCallId !== "string" || !sessionUpdate.startsWith("tool_call")) return;
      told.add(toolCallId);
      if (status === "completed" || status === "failed") denied.delete(toolCallId);
    },
    rest() {
      const ends = [...denied].map((toolCallId) => ({
        sessionUpdate: "tool_call_update",
        toolCallId,
        status: "failed",
      }));
      told.clear();
      denied.clear();
      return ends;
    },
  };
}
