/** A fork's log: its own opening, then what was said up to the fork, told again under its own cursors. */
import type { Draft, Session, SessionEvent, TurnId } from "@corral/protocol";
import type { Log } from "../log/log.ts";
import { readEvents } from "./history.ts";

/** What of a history belongs to the conversation, and not to the processes that had it. */
const told = new Set<SessionEvent["type"]>([
  "turn.queued",
  "turn.started",
  "turn.updated",
  "turn.steered",
  "turn.asked",
  "turn.answered",
  "turn.ended",
]);

export function forkOpening(
  from: Session,
  cursor: number,
  { title, secretNames }: { title?: string; secretNames: string[] },
): Draft {
  const { agent, cwd, policy, labels, options, mcpServers, model, mode } = from;
  const name = title ?? (from.title ? `${from.title} (fork)` : undefined);
  return {
    type: "session.opened",
    source: "person",
    data: {
      agent,
      cwd,
      policy,
      labels,
      ...(name ? { title: name } : {}),
      ...(options ? { options } : {}),
      ...(mcpServers ? { mcpServers } : {}),
      ...(model ? { model } : {}),
      ...(mode ? { mode } : {}),
      ...(secretNames.length > 0 ? { secretNames } : {}),
      forkedFrom: { session: from.id, cursor },
    },
  };
}

/** The turns that had started by the cursor; one that had not ended ends here, as cancelled. */
export async function forkHistory(log: Log, cursor: number): Promise<readonly Draft[]> {
  const drafts: Draft[] = [];
  const queued = new Map<TurnId, Draft>();
  let running: TurnId | undefined;
  for await (const { type, data, turn, source, synthetic, cursor: at } of readEvents(log)) {
    if (at > cursor) break;
    if (!told.has(type) || !turn) continue;
    const draft = { type, data, turn, source, ...(synthetic ? { synthetic } : {}) } as Draft;
    if (type === "turn.queued") queued.set(turn, draft);
    else if (type === "turn.started") drafts.push(...[queued.get(turn) ?? []].flat(), draft);
    else if (type !== "turn.ended" || turn === running) drafts.push(draft);
    if (type === "turn.started") running = turn;
    if (type === "turn.ended" && turn === running) running = undefined;
  }
  if (running) {
    drafts.push({
      type: "turn.ended",
      turn: running,
      source: "daemon",
      synthetic: true,
      data: { outcome: "cancelled" },
    });
  }
  return drafts;
}
