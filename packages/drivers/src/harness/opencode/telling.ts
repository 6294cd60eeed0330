/** What an OpenCode server tells of a conversation, as ACP updates. */
import { type Frame, frame, isFrame } from "@corral/kernel";
import type { SessionUpdate } from "@corral/protocol";
import { text } from "../reading.ts";
import { toolUpdates } from "./tools.ts";

const voices: Readonly<Record<string, "agent_message_chunk" | "agent_thought_chunk">> = {
  text: "agent_message_chunk",
  reasoning: "agent_thought_chunk",
};

const statuses: Readonly<Record<string, string>> = { in_progress: "in_progress", completed: "completed" };
const priorities: Readonly<Record<string, string>> = { high: "high", low: "low" };

const planOf = (todos: unknown): SessionUpdate => ({
  sessionUpdate: "plan",
  entries: (Array.isArray(todos) ? todos.filter(isFrame) : [])
    .filter(({ status }) => status !== "cancelled")
    .map(({ content, status, priority }) => ({
      content: text(content),
      status: statuses[text(status)] ?? "pending",
      priority: priorities[text(priority)] ?? "medium",
    })),
});

interface Saying {
  readonly voice: "agent_message_chunk" | "agent_thought_chunk";
  readonly messageId: string;
  /** How much of it was told. */
  told: string;
}

export class Telling {
  /** Who said a message; of those of the person nothing is told again. */
  readonly #answers = new Set<string>();
  readonly #sayings = new Map<string, Saying>();
  readonly #tools = new Set<string>();

  /** Another turn begins: nothing of the last one is said any more. */
  begin(): void {
    this.#answers.clear();
    this.#sayings.clear();
    this.#tools.clear();
  }

  hear(type: string, properties: Frame): readonly SessionUpdate[] {
    if (type === "message.updated") this.#note(frame(properties.info));
    if (type === "message.part.updated") return this.#part(frame(properties.part));
    if (type === "message.part.delta") return this.#delta(properties);
    return Array.isArray(properties.todos) ? [planOf(properties.todos)] : [];
  }

  #note({ id, role }: Frame): void {
    if (role === "assistant") this.#answers.add(text(id));
  }

  #part(part: Frame): readonly SessionUpdate[] {
    const [id, messageId] = [text(part.id), text(part.messageID)];
    if (!this.#answers.has(messageId)) return [];
    if (part.type === "tool") {
      const known = this.#tools.has(id);
      this.#tools.add(id);
      return toolUpdates(part, known);
    }
    const voice = voices[text(part.type)];
    if (voice === undefined || part.synthetic === true || part.ignored === true) return [];
    const saying = this.#sayings.get(id) ?? { voice, messageId, told: "" };
    this.#sayings.set(id, saying);
    // What came in pieces was told; what did not is told now.
    const whole = text(part.text);
    return whole.startsWith(saying.told) ? this.#say(saying, whole.slice(saying.told.length)) : [];
  }

  #delta({ partID, field, delta }: Frame): readonly SessionUpdate[] {
    const saying = this.#sayings.get(text(partID));
    return saying && field === "text" ? this.#say(saying, text(delta)) : [];
  }

  #say(saying: Saying, words: string): readonly SessionUpdate[] {
    if (words === "") return [];
    saying.told += words;
    const { voice, messageId } = saying;
    return [{ sessionUpdate: voice, content: { type: "text", text: words }, messageId }];
  }
}
