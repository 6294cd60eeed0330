/** What was said in a session, kept in one file so that another process can go on with it. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isRecord, type JsonObject } from "./json.ts";
import { wordsOf } from "./params.ts";

export type Message =
  | { readonly role: "user"; readonly messageId: string; readonly blocks: readonly JsonObject[] }
  | { readonly role: "agent"; readonly messageId: string; text: string }
  | { readonly role: "tool"; call: JsonObject };

export interface Kept {
  readonly id: string;
  readonly cwd: string;
  readonly messages: readonly Message[];
  readonly chosen: Readonly<Record<string, string>>;
}

export interface Shelf {
  keep(session: Kept): Promise<void>;
  find(id: string): Promise<Kept | undefined>;
  list(): Promise<readonly Kept[]>;
}

const idPattern = /^[\w-]{1,100}$/;

export function openShelf(stateDir: string): Shelf {
  const fileOf = (id: string): string => join(stateDir, `${id}.json`);
  let writes = 0;
  async function find(id: string): Promise<Kept | undefined> {
    if (!idPattern.test(id)) return undefined;
    try {
      return JSON.parse(await readFile(fileOf(id), "utf8")) as Kept;
    } catch (error) {
      if (isRecord(error) && error.code === "ENOENT") return undefined;
      throw error;
    }
  }
  return {
    find,
    // Without waiting in between: it happens twice in each turn, and here nobody else has anything to do meanwhile.
    async keep({ id, cwd, messages, chosen }) {
      if (writes === 0) mkdirSync(stateDir, { recursive: true, mode: 0o700 });
      const beside = `${fileOf(id)}.${process.pid}-${++writes}`;
      writeFileSync(beside, JSON.stringify({ id, cwd, messages, chosen }), { mode: 0o600 });
      renameSync(beside, fileOf(id));
    },
    async list() {
      await mkdir(stateDir, { recursive: true, mode: 0o700 });
      const names = (await readdir(stateDir)).filter((name) => name.endsWith(".json")).sort();
      const found = await Promise.all(names.map((name) => find(name.slice(0, -".json".length))));
      return found.filter((kept) => kept !== undefined);
    },
  };
}

/** For an agent that cannot be asked for what was said before: it keeps nothing. */
export const noShelf: Shelf = { keep: async () => undefined, find: async () => undefined, list: async () => [] };

/** Messages are only ever added, so that each is counted once. */
const counted = new WeakMap<readonly Message[], { length: number; prompts: number }>();

/** Folds an update into the messages; chunks of one message and updates of one tool call become one. */
export function record(messages: Message[], update: JsonObject): void {
  const { sessionUpdate, ...rest } = update;
  if (sessionUpdate === "agent_message_chunk") recordChunk(messages, rest);
  else if (sessionUpdate === "tool_call") messages.push({ role: "tool", call: rest });
  else if (sessionUpdate === "tool_call_update") {
    const started = messages.findLast((message) => message.role === "tool" && isSameCall(message.call, rest));
    if (started?.role === "tool") started.call = { ...started.call, ...rest };
  }
}

const isSameCall = (call: JsonObject, update: JsonObject): boolean => call.toolCallId === update.toolCallId;

function recordChunk(messages: Message[], { messageId, content }: JsonObject): void {
  const text = isRecord(content) ? wordsOf([content]) : "";
  const last = messages.at(-1);
  if (last?.role === "agent" && last.messageId === messageId) last.text += text;
  else messages.push({ role: "agent", messageId: String(messageId), text });
}

/** The updates that tell a client what was said before it came. */
export function* replay(messages: readonly Message[]): Generator<JsonObject> {
  for (const message of messages) {
    if (message.role === "tool") yield { sessionUpdate: "tool_call", ...message.call };
    else if (message.role === "agent") yield chunk("agent_message_chunk", message.messageId, textBlock(message.text));
    else for (const block of message.blocks) yield chunk("user_message_chunk", message.messageId, block);
  }
}

export const textBlock = (text: string): JsonObject => ({ type: "text", text });

export const chunk = (sessionUpdate: string, messageId: string, content: JsonObject): JsonObject => ({
  sessionUpdate,
  messageId,
  content,
});

export function promptsIn(messages: readonly Message[]): number {
  const known = counted.get(messages) ?? { length: 0, prompts: 0 };
  for (; known.length < messages.length; known.length++) if (messages[known.length]?.role === "user") known.prompts++;
  counted.set(messages, known);
  return known.prompts;
}

export const told = (messages: readonly Message[]): string =>
  messages
    .map((message) => {
      if (message.role === "tool") return `tool: ${String(message.call.title)} (${String(message.call.status)})`;
      return `${message.role}: ${message.role === "user" ? wordsOf(message.blocks) : message.text}`;
    })
    .join("\n");
