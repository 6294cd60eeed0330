/** The conversation as people read it: a fold of the log into items, and its bounded retelling for a harness that forgot. */
import { z } from "zod";
import { chunkText, promptText, type SessionUpdate } from "./content.ts";
import type { SessionEvent } from "./event.ts";
import { idSchema, type TurnId } from "./ids.ts";
import { readToolOutput, type ToolDiff } from "./tool.ts";

const partSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("reasoning"), text: z.string(), visibility: z.enum(["public", "private"]) }),
  z.object({ type: z.literal("json"), json: z.unknown() }),
  z.object({ type: z.literal("tool_call"), callId: z.string(), name: z.string(), arguments: z.unknown().optional() }),
  z.object({ type: z.literal("tool_result"), callId: z.string(), output: z.string(), exitCode: z.int().optional() }),
  z.object({
    type: z.literal("file_ref"),
    path: z.string(),
    diff: z.object({ before: z.string().optional(), after: z.string() }).optional(),
  }),
  z.object({
    type: z.literal("image"),
    mimeType: z.string().optional(),
    data: z.string().optional(),
    uri: z.string().optional(),
  }),
  z.object({ type: z.literal("status"), label: z.string(), detail: z.string().optional() }),
]);
export type Part = z.infer<typeof partSchema>;

export const itemSchema = z
  .object({
    id: z.string(),
    cursor: z.int().describe("Where it began."),
    turn: idSchema("turn").optional(),
    kind: z.enum(["message", "tool_call", "tool_result", "system", "status", "unknown"]),
    role: z.enum(["user", "assistant", "tool", "system"]),
    status: z.enum(["in_progress", "completed", "failed"]),
    parts: z.array(partSchema),
  })
  .meta({ id: "Item" });
export type Item = z.infer<typeof itemSchema>;

export interface Transcript {
  readonly items: Item[];
  /** Tool calls of the running turn, by the harness's name for them. */
  readonly calls: Map<string, { readonly call: Item; readonly result?: Item }>;
  /** Items that nobody has ended yet. */
  readonly open: Set<Item>;
  /** Prompts that wait for their turn to start: until then nobody has heard them. */
  readonly waiting: Map<TurnId, string>;
  /** The message that is being said, and whose voice it is. */
  speaking: { readonly item: Item; readonly voice: string } | undefined;
}

export const emptyTranscript = (): Transcript => ({
  items: [],
  calls: new Map(),
  open: new Set(),
  waiting: new Map(),
  speaking: undefined,
});

type ItemStart = Pick<Item, "kind" | "role" | "status" | "parts">;

function begin(into: Transcript, { cursor, session, turn }: SessionEvent, start: ItemStart): Item {
  const item: Item = { id: `${session}.${cursor}.${into.items.length}`, cursor, ...(turn ? { turn } : {}), ...start };
  into.items.push(item);
  if (item.status === "in_progress") into.open.add(item);
  // What belongs to no turn, or to another, does not interrupt a message.
  if (into.speaking && into.speaking.item.turn === turn) {
    into.speaking.item.status = "completed";
    into.speaking = undefined;
  }
  return item;
}

const status = (label: string, detail?: string): ItemStart => ({
  kind: "status",
  role: "system",
  status: "completed",
  parts: [{ type: "status", label, ...(detail ? { detail } : {}) }],
});

/** Chunks that follow each other are one message; a change of kind, of message id or of turn starts the next. */
function chunk(into: Transcript, event: SessionEvent, role: "user" | "assistant", update: SessionUpdate): void {
  const part = contentPart(update);
  const voice = JSON.stringify([update.sessionUpdate, update.messageId, event.turn]);
  if (into.speaking?.voice !== voice) {
    const item = begin(into, event, { kind: "message", role, status: "in_progress", parts: [part] });
    into.speaking = { item, voice };
    return;
  }
  const { parts } = into.speaking.item;
  const last = parts.at(-1);
  if (last?.type === part.type && "text" in last && "text" in part) last.text += part.text;
  else parts.push(part);
}

function contentPart(update: SessionUpdate): Part {
  const said = chunkText(update);
  if (said !== undefined) {
    const thought = update.sessionUpdate === "agent_thought_chunk";
    return thought ? { type: "reasoning", text: said, visibility: "public" } : { type: "text", text: said };
  }
  const content = (update.content ?? {}) as Record<string, unknown>;
  if (content.type === "image" && typeof content.data === "string") {
    return { type: "image", data: content.data, mimeType: String(content.mimeType ?? "") };
  }
  return { type: "json", json: content };
}

const isTerminal = (state: unknown): state is "completed" | "failed" => state === "completed" || state === "failed";

function toolCall(into: Transcript, event: SessionEvent, update: SessionUpdate): void {
  const callId = String(update.toolCallId ?? "");
  let known = into.calls.get(callId);
  if (!known || known.call.turn !== event.turn) {
    const name = String(update.title ?? update.name ?? update.kind ?? "tool");
    const part: Part = { type: "tool_call", callId, name };
    known = {
      call: begin(into, event, { kind: "tool_call", role: "assistant", status: "in_progress", parts: [part] }),
    };
    into.calls.set(callId, known);
  }
  const head = known.call.parts[0];
  if (head?.type === "tool_call") {
    if (typeof update.title === "string") head.name = update.title;
    if (update.rawInput !== undefined) head.arguments = update.rawInput;
  }
  toolResult(into, event, update, known);
}

/** Content of an update is the whole content so far: later differences take the place of earlier ones. */
const fileRefs = (diffs: readonly ToolDiff[]): readonly Part[] =>
  diffs.map(({ path, oldText, newText }) => ({
    type: "file_ref",
    path,
    diff: { ...(oldText === undefined ? {} : { before: oldText }), after: newText },
  }));

function toolResult(
  into: Transcript,
  event: SessionEvent,
  update: SessionUpdate,
  known: { readonly call: Item; readonly result?: Item },
): void {
  const { added, whole, diffs, exitCode } = readToolOutput(update);
  if (diffs.length > 0)
    known.call.parts = [...known.call.parts.filter(({ type }) => type !== "file_ref"), ...fileRefs(diffs)];
  const callId = String(update.toolCallId ?? "");
  const wanted = added !== "" || whole !== undefined || exitCode !== undefined;
  const start: ItemStart = {
    kind: "tool_result",
    role: "tool",
    status: known.call.status,
    parts: [{ type: "tool_result", callId, output: "" }],
  };
  const result = known.result ?? (wanted ? begin(into, event, start) : undefined);
  if (result && !known.result) into.calls.set(callId, { ...known, result });
  const part = result?.parts[0];
  if (part?.type === "tool_result") {
    part.output = whole ?? part.output + added;
    if (exitCode !== undefined) part.exitCode = exitCode;
  }
  if (isTerminal(update.status)) {
    known.call.status = update.status;
    if (result) result.status = update.status;
  }
}

type UpdateStep = (into: Transcript, event: SessionEvent, update: SessionUpdate) => void;

/** These are state, not conversation; the fold of the session reads them. */
const silent: UpdateStep = () => undefined;

const whole =
  (kind: Item["kind"], read: (update: SessionUpdate) => unknown): UpdateStep =>
  (into, event, update) =>
    void begin(into, event, {
      kind,
      role: "assistant",
      status: "completed",
      parts: [{ type: "json", json: read(update) }],
    });

const unknownUpdate = whole("unknown", (update) => update);

/** Some harnesses warn of things around the conversation. */
const notice: UpdateStep = (into, event, { severity, title, description }) => {
  const said = [title, description].filter((text) => typeof text === "string" && text !== "");
  begin(into, event, status(typeof severity === "string" ? severity : "notice", said.join(": ")));
};

/** A map, since the kind of an update is the harness's to choose, and an object answers to names such as "constructor". */
const updateSteps: ReadonlyMap<string, UpdateStep> = new Map(
  Object.entries<UpdateStep>({
    available_commands_update: silent,
    config_option_update: silent,
    current_mode_update: silent,
    session_info_update: silent,
    usage_update: silent,
    tool_call: toolCall,
    tool_call_update: toolCall,
    agent_message_chunk: (into, event, update) => chunk(into, event, "assistant", update),
    agent_thought_chunk: (into, event, update) => chunk(into, event, "assistant", update),
    user_message_chunk: (into, event, update) => chunk(into, event, "user", update),
    plan: whole("status", (update) => update.entries ?? update),
    notice,
  }),
);

function finish(into: Transcript, turn: TurnId | undefined, failed: boolean): void {
  for (const item of into.open) {
    if (item.turn !== turn) continue;
    if (item.status === "in_progress") item.status = failed && item.kind !== "message" ? "failed" : "completed";
    into.open.delete(item);
  }
  if (into.speaking?.item.turn === turn) into.speaking = undefined;
  if (turn) into.waiting.delete(turn);
  into.calls.clear();
}

const userMessage = (text: string): ItemStart => ({
  kind: "message",
  role: "user",
  status: "completed",
  parts: [{ type: "text", text }],
});

/** A prompt is said when its turn starts: what is still queued, or was cancelled in the queue, nobody has heard. */
function start(into: Transcript, event: SessionEvent): void {
  const text = event.turn && into.waiting.get(event.turn);
  if (event.turn) into.waiting.delete(event.turn);
  if (text !== undefined) begin(into, event, userMessage(text));
}

/** One step; changes the transcript in place, since a long one is folded once and read once. */
export function foldTranscript(into: Transcript, event: SessionEvent): Transcript {
  switch (event.type) {
    case "turn.queued":
      if (event.turn) into.waiting.set(event.turn, promptText(event.data.prompt));
      break;
    case "turn.started":
      start(into, event);
      break;
    case "turn.steered":
      begin(into, event, userMessage(promptText(event.data.prompt)));
      break;
    case "turn.updated":
      (updateSteps.get(event.data.update.sessionUpdate) ?? unknownUpdate)(into, event, event.data.update);
      break;
    case "turn.asked":
      begin(into, event, status("asked", event.data.title));
      break;
    case "turn.answered":
      begin(into, event, status("answered", `${event.data.outcome} by ${event.data.by}`));
      break;
    case "turn.ended":
      finish(into, event.turn, event.data.outcome !== "completed");
      if (event.data.fault) begin(into, event, status(event.data.outcome, event.data.fault.detail));
      break;
    case "session.opened":
    case "session.closed":
    case "harness.installed":
    case "harness.started":
    case "harness.exited":
    case "harness.notice":
      begin(into, event, { ...status(event.type), kind: "system" });
      break;
    default:
      break;
  }
  return into;
}

const speakers = { user: "User", assistant: "Assistant", tool: "Tool result", system: "System" } as const;

function retell(item: Item): string {
  const said = item.parts.flatMap((part) => {
    if (part.type === "text") return [part.text];
    if (part.type === "tool_call") return [`(used the tool ${part.name} with ${JSON.stringify(part.arguments ?? {})})`];
    if (part.type === "tool_result") return [part.output];
    if (part.type === "file_ref") return [`(changed ${part.path})`];
    return [];
  });
  return said.length === 0 ? "" : `${speakers[item.role]}: ${said.join("\n")}`;
}

/** Cuts a text to a number of UTF-8 bytes without ever splitting a code point. */
export function cutText(text: string, maxBytes: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return text;
  let end = Math.max(0, maxBytes);
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, end));
}

/**
 * Tells a harness that lost its history what was said before, the newest messages that fit into so many bytes. It is cut between
 * messages; only when the newest alone is too long is that one cut, between code points.
 */
export function retellTranscript(items: readonly Item[], maxBytes: number): string {
  const size = (text: string) => new TextEncoder().encode(text).length;
  const told: string[] = [];
  let room = maxBytes;
  for (const item of items.toReversed()) {
    const text = retell(item);
    if (text === "") continue;
    const need = size(text) + 2;
    if (need > room) {
      if (told.length === 0) told.unshift(cutText(text, room));
      break;
    }
    told.unshift(text);
    room -= need;
  }
  return told.join("\n\n");
}
