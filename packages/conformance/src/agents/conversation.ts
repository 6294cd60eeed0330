/** One conversation of the reference agent: what was said, what was chosen, and the turn that runs. */
import type { Message } from "./brain.ts";
import type { McpTools } from "./mcp.ts";
import type { Kept } from "./shelf.ts";
import { type Json, records } from "./wire.ts";

export interface Conversation {
  readonly id: string;
  readonly cwd: string;
  /** The one that it was forked from. */
  readonly origin: string | undefined;
  /** The end of an answer that was not told, which is a flaw. */
  heldBack: string;
  readonly messages: Message[];
  readonly models: readonly string[];
  readonly mcp: McpTools;
  model: string;
  mode: string;
  /** Every use of the shell is allowed from now on. */
  trusted: boolean;
  /** A tool is used just now. */
  busy: boolean;
  running: AbortController | undefined;
}

export const modes = ["build", "plan"] as const;

interface Begun extends Pick<Conversation, "id" | "cwd" | "models" | "mcp"> {
  readonly kept: Kept | undefined;
  readonly origin?: string | undefined;
}

export function converse({ kept, models, origin, ...begun }: Begun): Conversation {
  const [first = "one-model"] = models;
  const { messages = [], model = first, mode = modes[0] } = kept ?? {};
  const cameFrom = origin ?? kept?.origin;
  const idle = { trusted: false, busy: false, running: undefined, heldBack: "" };
  return { ...begun, ...idle, models, origin: cameFrom, messages: [...messages], model, mode };
}

export const kept = ({ messages, model, mode, origin }: Conversation): Kept => ({ messages, model, mode, origin });

/** What the opening of a session tells. */
export const openingOf = ({ id, models, model, mode }: Conversation): Json => ({
  sessionId: id,
  modes: { currentModeId: mode, availableModes: modes.map((one) => ({ id: one, name: one })) },
  configOptions: configOf({ models, model }),
});

export const configOf = ({ models, model }: Pick<Conversation, "models" | "model">): readonly Json[] => [
  {
    id: "model",
    category: "model",
    name: "Model",
    type: "select",
    currentValue: model,
    options: models.map((value) => ({ value, name: value })),
  },
];

/** A prompt as Chat Completions has it. */
export function promptMessage(prompt: unknown, { dropsImages }: { readonly dropsImages: boolean }): Message {
  const content = records(prompt).flatMap((block): readonly Json[] => {
    if (block.type === "text") return [{ type: "text", text: block.text }];
    if (block.type !== "image" || dropsImages) return [];
    return [{ type: "image_url", image_url: { url: `data:${String(block.mimeType)};base64,${String(block.data)}` } }];
  });
  return { role: "user", content };
}

/** What was said before, as a session that is loaded tells it again. */
export function retold({ messages }: Conversation): readonly Json[] {
  return messages.flatMap(({ role, content }) => {
    if (role !== "user" && role !== "assistant") return [];
    const sessionUpdate = role === "user" ? "user_message_chunk" : "agent_message_chunk";
    const texts = typeof content === "string" ? [content] : records(content).map(({ text }) => text);
    return texts.flatMap((text) =>
      typeof text === "string" ? [{ sessionUpdate, content: { type: "text", text } }] : [],
    );
  });
}
