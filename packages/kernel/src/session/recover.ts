/** After a crash: what was running is ended as lost before anything new is taken, and what was accepted goes on. */
import type { Draft, EventBody, Session } from "@corral/protocol";
import type { Head } from "../ports/store.ts";
import { describeResidue } from "../process/residue.ts";
import { type Desk, type SessionView, stateOf } from "./desk.ts";
import { readEvents } from "./history.ts";
import { type OpenTools, watchTools } from "./tools.ts";

/** Whether a session was left in the middle of something, as far as its last snapshot tells. */
export function wasInterrupted({ snapshot, last }: Head): boolean {
  if (!snapshot || snapshot.cursor < last) return true;
  const { turn, queue, harness } = JSON.parse(snapshot.text) as Session;
  return turn !== undefined || queue.length > 0 || harness !== undefined;
}

const noWords = { head: [], tail: [], totalLines: 0, truncated: false };

/** What a lost turn and a lost harness have left. */
interface Remains {
  readonly tools: OpenTools;
  readonly residue: EventBody<"run.residue"> | undefined;
}

/** What has to be on record about a daemon that died. */
function lossesOf({ turn, asks, harness, queue, secretNames }: Session, { tools, residue }: Remains): readonly Draft[] {
  const drafts: Draft[] = [];
  if (harness) {
    const end = { run: harness.run, stderr: noWords, expected: false };
    drafts.push({ type: "harness.exited", source: "daemon", synthetic: true, data: end });
  }
  if (residue) drafts.push({ type: "run.residue", source: "daemon", synthetic: true, data: residue });
  for (const ask of asks) {
    if (ask.state !== "open") continue;
    const answered = { ask: ask.id, by: "cancel" as const, outcome: "cancelled" as const };
    drafts.push({ type: "turn.answered", turn: ask.turn, source: "daemon", synthetic: true, data: answered });
  }
  if (turn) {
    drafts.push(...tools.ends(turn.id, "lost"));
    drafts.push(ended(turn.id, "turn.lost", "The daemon died while the turn was running; prompt again."));
  }
  if (secretNames.length > 0) {
    const detail = `The turn was queued with ${secretNames.join(", ")}, which died with the daemon; give them again and prompt again.`;
    for (const { id } of queue) drafts.push(ended(id, "turn.secrets_lost", detail));
  }
  return drafts;
}

const ended = (
  turn: NonNullable<Session["turn"]>["id"],
  code: "turn.lost" | "turn.secrets_lost",
  detail: string,
): Draft => ({
  type: "turn.ended",
  turn,
  source: "daemon",
  synthetic: true,
  data: { outcome: "lost", fault: { code, detail } },
});

/** The tools that the lost turn had begun. */
async function lostTools({ log }: SessionView, { turn }: Session): Promise<OpenTools> {
  const tools = watchTools();
  if (!turn) return tools;
  for await (const event of readEvents(log, { after: turn.cursor, only: (text) => text.includes('"toolCallId"') })) {
    if (event.type === "turn.updated" && event.turn === turn.id) tools.heard(event.data.update);
  }
  return tools;
}

/** What is left of the lost harness after the sweep of its former life, and what that had to end and remove. */
async function residueOf({ left: look, swept }: Desk, { harness }: Session): Promise<Remains["residue"]> {
  if (!harness) return undefined;
  const left = (await look()).find(({ run }) => run === harness.run) ?? describeResidue(harness.run, [], []);
  const found = swept.find(({ run }) => run === harness.run);
  if (!found) return left;
  const { run, ...what } = found;
  return { ...left, swept: what };
}

export async function recover(desk: Desk): Promise<void> {
  const state = stateOf(desk);
  const tools = await lostTools(desk.view, state);
  const losses = lossesOf(state, { tools, residue: await residueOf(desk, state) });
  if (losses.length > 0) await desk.view.append(losses);
}
