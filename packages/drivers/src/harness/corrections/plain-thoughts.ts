/** Gemini CLI tells each piece of a thought as a titled paragraph: the title goes where there is none, and the pieces come apart again. */
import type { Corrections } from "@corral/kernel";
import { chunkText, type SessionUpdate } from "@corral/protocol";

const untitled = "****\n";

export function plainThoughts(): Required<Pick<Corrections, "prompt" | "update">> {
  let thinking = false;
  const begin = () => {
    thinking = false;
  };
  /** It cuts off the white space around each piece, so whatever stood between two of them is put back as best as can be known. */
  const plain = (text: string): string => {
    if (text.startsWith(untitled)) return `${thinking ? " " : ""}${text.slice(untitled.length)}`;
    return `${thinking ? "\n\n" : ""}${text}`;
  };
  const update = (told: SessionUpdate): readonly SessionUpdate[] => {
    const text = told.sessionUpdate === "agent_thought_chunk" ? chunkText(told) : undefined;
    if (text === undefined) {
      if (/^agent_message|^tool_call/.test(told.sessionUpdate)) begin();
      return [told];
    }
    const said = plain(text);
    thinking = true;
    return [{ ...told, content: { type: "text", text: said } }];
  };
  return { prompt: begin, update };
}
