/** Finds what a person asked among all that a harness sends along. */
import type { Message, ModelRequest } from "./request.ts";

export const purposes = ["prompt", "title", "structured"] as const;

/** Why a harness calls the model: for the person's prompt, for a session's title, or for JSON of some schema. */
export type Purpose = (typeof purposes)[number];

export interface Prompt {
  /** The newest text of a person. */
  readonly text: string;
  /** How many texts of a person the conversation holds. */
  readonly userMessages: number;
  /** How many tool results came since the newest text. */
  readonly toolResults: number;
  /** What the newest of them says. */
  readonly toolText: string;
  readonly purpose: Purpose;
}

const injected = /<([a-zA-Z_][\w-]*)(?:\s[^>]*)?>[\s\S]*?<\/\1>/g;

/** What harnesses say in the role of the user without anybody having typed it. */
const notTyped = [/^\[SYSTEM/i, /^system:/i, /^\[Request interrupted by user/, /^# AGENTS\.md instructions\b/];

/** A text without the `<tag>…</tag>` blocks that harnesses put around and into it. */
export function typedText(text: string): string {
  const without = text.replace(injected, "");
  if (without !== text) return typedText(without);
  const typed = without.trim();
  return notTyped.some((pattern) => pattern.test(typed)) ? "" : typed;
}

const asksForTitle = /\btitle generator\b|\bgenerate a (?:\w+ )?title\b/i;

/** Small models are asked for titles in words, without tools; such a call is not the person's prompt. */
function isTitle({ tools, system, messages }: ModelRequest, newest: Message | undefined): boolean {
  if (tools.length > 0) return false;
  const before = messages.filter((message) => message.role === "user" && message !== newest);
  return [system, ...before.map(({ text }) => text)].some((text) => asksForTitle.test(text));
}

function purposeOf(request: ModelRequest, newest: Message | undefined): Purpose {
  if (request.jsonSchema !== undefined) return "structured";
  return isTitle(request, newest) ? "title" : "prompt";
}

export function promptOf(request: ModelRequest): Prompt {
  const { messages } = request;
  const typed = messages.filter(({ role, text }) => role === "user" && typedText(text) !== "");
  const newest = typed.at(-1);
  const since = newest === undefined ? messages : messages.slice(messages.lastIndexOf(newest) + 1);
  const results = since.filter(({ role }) => role === "tool");
  return {
    text: typedText(newest?.text ?? ""),
    userMessages: typed.length,
    toolResults: results.length,
    toolText: results.at(-1)?.text ?? "",
    purpose: purposeOf(request, newest),
  };
}
