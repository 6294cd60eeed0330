/** What was said in a session, read back from its log. */
import {
  type AskId,
  chunkText,
  emptyTranscript,
  Fault,
  foldTranscript,
  type Item,
  type RunId,
  retellTranscript,
  type SessionEvent,
  type Turn,
  type TurnId,
} from "@corral/protocol";
import type { Log } from "../log/log.ts";
import type { SessionView } from "./desk.ts";
import { askMissing } from "./refusals.ts";

const pageEntries = 500;
/** A harness that forgot is told of the newest events only; what is older would not fit into its replay anyway. */
const retoldEvents = 20_000;

/** The events after a cursor, up to the end of the log as it is now. */
export async function* readEvents(
  log: Log,
  { after = 0, only = () => true }: { readonly after?: number; readonly only?: (text: string) => boolean } = {},
): AsyncGenerator<SessionEvent> {
  for (let cursor = after; cursor < log.last; ) {
    const page = await log.read({ after: cursor, limit: pageEntries });
    for (const { text } of page.items) if (only(text)) yield JSON.parse(text) as SessionEvent;
    const last = page.items.at(-1)?.cursor;
    if (last === undefined) return;
    cursor = last;
  }
}

/** What is known of a turn after one more of its events. */
export function foldTurn(turn: Turn | undefined, event: SessionEvent): Turn | undefined {
  if (event.type === "turn.queued" && event.turn) {
    return { id: event.turn, session: event.session, state: "queued", cursor: event.cursor };
  }
  if (!turn || turn.state === "ended") return turn;
  const { output = "" } = turn;
  if (event.type === "turn.started") return { ...turn, state: "running", output };
  if (event.type === "turn.ended") return { ...turn, state: "ended", ...event.data, output };
  if (event.type !== "turn.updated" || event.data.update.sessionUpdate !== "agent_message_chunk") return turn;
  return { ...turn, output: output + (chunkText(event.data.update) ?? "") };
}

/** What a log says of one turn. A turn that it does not know is `turn.missing`. */
export async function readTurn(log: Log, id: TurnId, after = 0): Promise<Turn> {
  let turn: Turn | undefined;
  for await (const event of readEvents(log, { after, only: (text) => text.includes(id) })) {
    if (event.turn === id) turn = foldTurn(turn, event);
    if (turn?.state === "ended") break;
  }
  if (!turn) throw new Fault("turn.missing", { detail: `${log.subject} has no turn ${id}.` });
  return turn;
}

/** A page of the conversation; what begins with one event is never cut apart, for pages are told by cursors. */
export async function readTranscript(
  log: Log,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<{ items: readonly Item[]; next?: string }> {
  const transcript = emptyTranscript();
  for await (const event of readEvents(log)) foldTranscript(transcript, event);
  const items = transcript.items.filter(({ cursor }) => cursor > after);
  const last = items[limit - 1];
  const end = last ? items.findLastIndex(({ cursor }) => cursor === last.cursor) + 1 : items.length;
  return { items: items.slice(0, end), ...(last && end < items.length ? { next: String(last.cursor) } : {}) };
}

/** The runs of a session that have ended. */
export async function readEndedRuns(log: Log): Promise<readonly RunId[]> {
  const runs = new Set<RunId>();
  const only = (text: string) => text.includes('"harness.exited"') || text.includes('"run.residue"');
  for await (const event of readEvents(log, { only })) {
    if (event.type === "harness.exited" || event.type === "run.residue") runs.add(event.data.run);
  }
  return [...runs];
}

/** Why an ask that is not open cannot be answered: it was before, or it never was. */
export async function readAskFault(log: Log, ask: AskId): Promise<Fault> {
  for await (const event of readEvents(log, { only: (text) => text.includes(ask) })) {
    if (event.type === "turn.answered")
      return new Fault("ask.settled", { detail: `${ask} was answered by ${event.data.by}.` });
  }
  return askMissing(log.subject, ask);
}

const preface =
  "This conversation was going on before you were started. What was said so far is retold here; go on from there.";

/** What a harness that remembers nothing is told before its next prompt; empty when nothing was said yet. */
export async function retell({ log }: SessionView, maxBytes: number, before: TurnId): Promise<string> {
  const transcript = emptyTranscript();
  const after = Math.max(0, log.last - retoldEvents);
  for await (const event of readEvents(log, { after })) {
    if (event.turn !== before) foldTranscript(transcript, event);
  }
  const said = retellTranscript(transcript.items, maxBytes);
  return said === "" ? "" : `${preface}\n\n<conversation>\n${said}\n</conversation>\n\nThe next message is:`;
}
