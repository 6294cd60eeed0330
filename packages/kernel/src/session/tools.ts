/** The tool calls of a turn that have begun and not ended: those who watch must not wait for them for ever. */
import type { Draft, SessionUpdate, TurnId, TurnOutcome } from "@corral/protocol";

const isOver = (status: unknown): boolean => status === "completed" || status === "failed";

export interface OpenTools {
  heard(update: SessionUpdate): void;
  /** Whether any has begun and not ended. */
  readonly any: boolean;
  /** Their ends, in the daemon's own word. */
  ends(turn: TurnId, outcome: TurnOutcome): readonly Draft[];
}

export function watchTools(): OpenTools {
  const open = new Set<string>();
  return {
    heard({ sessionUpdate, toolCallId, status }) {
      if (typeof toolCallId !== "string" || !sessionUpdate.startsWith("tool_call")) return;
      if (isOver(status)) open.delete(toolCallId);
      else if (status !== undefined || sessionUpdate === "tool_call") open.add(toolCallId);
    },
    get any() {
      return open.size > 0;
    },
    ends(turn, outcome) {
      const status = outcome === "completed" ? "completed" : "failed";
      return [...open].map((toolCallId) => ({
        type: "turn.updated" as const,
        turn,
        source: "daemon" as const,
        synthetic: true as const,
        data: { update: { sessionUpdate: "tool_call_update", toolCallId, status } },
      }));
    },
  };
}
