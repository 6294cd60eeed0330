/** A brain without a model: the prompt itself says what is answered, in the words that the scripted model knows too. */
import { setTimeout as pause } from "node:timers/promises";
import type { Brain, Message, Question, Said } from "./brain.ts";
import { records } from "./wire.ts";

const provenCommand = "echo tool-ran > tool-proof.txt && cat tool-proof.txt";
const ticks = Array.from({ length: 60 }, (_, tick) => `tick${String(tick).padStart(2, "0")} `);
const tickMs = 60;

const textOf = ({ content }: Message): string =>
  typeof content === "string"
    ? content
    : records(content)
        .map(({ text }) => (typeof text === "string" ? text : ""))
        .join("\n");

async function* slowly({ signal }: Question): AsyncIterable<Said> {
  for (const text of ticks) {
    await pause(tickMs, undefined, { signal });
    yield { is: "text", text };
  }
}

async function* answer(question: Question): AsyncIterable<Said> {
  const asked = question.messages.filter(({ role }) => role === "user");
  const prompt = textOf(asked.at(-1) ?? { role: "user" });
  const last = question.messages.at(-1);
  const text = (said: string): Said => ({ is: "text", text: said });
  if (last?.role === "tool") return yield text(`Tool finished. Result was: ${textOf(last).trim()}`);
  if (/\bTHINK\b/.test(prompt)) yield { is: "thought", text: "Let me think about it." };
  const tool = /\bRUN_TOOL\b(?:\[((?:[^[\]]|\[[^[\]]*\])*)\])?/.exec(prompt);
  const echo = /ECHO:(.*)/.exec(prompt)?.[1];
  if (tool) {
    const input = { command: tool[1] || provenCommand };
    yield { is: "call", call: { id: `call_${question.messages.length}`, name: "bash", input } };
  } else if (/\bSLOW\b/.test(prompt)) yield* slowly(question);
  else if (/\bCOUNT\b/.test(prompt)) yield text(`user_messages=${asked.length}`);
  else yield text(echo ?? "Hello from the reference agent.");
}

export const wordBrain: Brain = { models: async () => ["one-model", "another-model"], answer };
