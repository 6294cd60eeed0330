/** A fork's log: its own opening, then what was said up to the fork, told again under its own cursors. */
import type { AskId, Draft, Session, SessionEvent, TurnId } from "@corral/protocol";
import type { Log } from "../log/log.ts";
import { readEvents } from "./history.ts";
import { type OpenTools, watchTools } from "./tools.ts";

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

/** The turns that had started by the cursor; one that had not ended ends here, as cancelled, and so do its asks and tools. */
export async function forkHistory(log: Log, cursor: number): Promise<readonly Draft[]> {
  const drafts: Draft[] = [];
  const queued = new Map<TurnId, Draft>();
  let running: Running | undefined;
  for await (const event of readEvents(log)) {
    const { type, data, turn, source, synthetic, cursor: at } = event;
    if (at > cursor) break;
    if (!told.has(type) || !turn) continue;
    const draft = { type, data, turn, source, ...(synthetic ? { synthetic } : {}) } as Draft;
    if (type === "turn.queued") queued.set(turn, draft);
    else if (type === "turn.started") drafts.push(...[queued.get(turn) ?? []].flat(), draft);
    else if (type !== "turn.ended" || turn === running?.turn) drafts.push(draft);
    if (type === "turn.started") running = { turn, asks: new Set(), tools: watchTools() };
    if (type === "turn.ended" && turn === running?.turn) running = undefined;
    if (running) follow(running, event);
  }
  return running ? [...drafts, ...endOf(running)] : drafts;
}

interface Running {
  readonly turn: TurnId;
  readonly asks: Set<AskId>;
  readonly tools: OpenTools;
}

function follow({ turn, asks, tools }: Running, event: SessionEvent): void {
  if (event.turn !== turn) return;
  if (event.type === "turn.updated") tools.heard(event.data.update);
  if (event.type === "turn.asked") asks.add(event.data.ask);
  if (event.type === "turn.answered") asks.delete(event.data.ask);
}

function endOf({ turn, asks, tools }: Running): readonly Draft[] {
  const own = { turn, source: "daemon" as const, synthetic: true as const };
  return [
    ...[...asks].map(
      (ask): Draft => ({ ...own, type: "turn.answered", data: { ask, by: "cancel", outcome: "cancelled" } }),
    ),
    ...tools.ends(turn, "cancelled"),
    { ...own, type: "turn.ended", data: { outcome: "cancelled" } },
  ];
}
