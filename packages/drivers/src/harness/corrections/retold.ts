/** An answer that broke off and is given again from its beginning is told once: what was said before is left out the second time. */
import type { Clock, Corrections } from "@corral/kernel";
import { chunkText, type SessionUpdate } from "@corral/protocol";

/** Harnesses wait at least two seconds before they ask the model again; a model that goes on talking is quicker. */
const leastPauseMs = 1_800;

/** What was said of one kind since the last tool, and how much of it is being said again, if it is. */
interface Voice {
  said: string;
  again: string | undefined;
}

const voices = ["agent_message_chunk", "agent_thought_chunk"] as const;
type VoiceName = (typeof voices)[number];

const isVoice = (name: string): name is VoiceName => (voices as readonly string[]).includes(name);
const silence = (): Voice => ({ said: "", again: undefined });

/** By what a harness shows that the model may have been asked again: it was silent for a while, or a message has another id. */
export type AgainBy = "pause" | "message";

export function retold(
  clock: Pick<Clock, "monotonicMs">,
  againBy: AgainBy = "pause",
): Required<Pick<Corrections, "prompt" | "update">> {
  let heard: Record<VoiceName, Voice>;
  let heardAtMs = 0;
  let message: unknown;
  const begin = () => {
    heard = { agent_message_chunk: silence(), agent_thought_chunk: silence() };
  };

  /** When the model may have been asked again, everything may be said again. */
  const mayBegin = (name: VoiceName, text: string): void => {
    const { said } = heard[name];
    if (said === "" || !(said.startsWith(text) || text.startsWith(said))) return;
    for (const voice of Object.values(heard)) voice.again = voice.said === "" ? undefined : "";
  };

  const speak = (voice: Voice, text: string): string => {
    if (voice.again === undefined) {
      voice.said += text;
      return text;
    }
    const again = voice.again + text;
    if (voice.said.startsWith(again)) {
      voice.again = again;
      return "";
    }
    // Either it has gone beyond what was said, or it turns out to be something else: then all of it is told.
    const fresh = again.startsWith(voice.said) ? again.slice(voice.said.length) : again;
    voice.said += fresh;
    voice.again = undefined;
    return fresh;
  };

  const update = (told: SessionUpdate): readonly SessionUpdate[] => {
    const pauseMs = clock.monotonicMs() - heardAtMs;
    const { sessionUpdate: name } = told;
    if (!isVoice(name)) {
      // What is said after a tool is another answer.
      if (name.startsWith("tool_call")) begin();
      return [told];
    }
    const isAgain = againBy === "pause" ? pauseMs >= leastPauseMs : told.messageId !== message;
    heardAtMs += pauseMs;
    message = told.messageId;
    const text = chunkText(told);
    if (text === undefined || text === "") return [told];
    if (isAgain) mayBegin(name, text);
    const fresh = speak(heard[name], text);
    if (fresh === text) return [told];
    return fresh === "" ? [] : [{ ...told, content: { type: "text", text: fresh } }];
  };

  begin();
  return { prompt: begin, update };
}
