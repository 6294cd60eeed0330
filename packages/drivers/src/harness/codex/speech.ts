/** What Codex says, piece by piece; what it says again after a connection to the model broke is told once. */
import type { SessionUpdate } from "@corral/protocol";

export type Voice = "agent_message_chunk" | "agent_thought_chunk";

interface Saying {
  readonly voice: Voice;
  /** What has come of it, told or not. */
  text: string;
  /** What an earlier attempt had told already and this one is expected to begin with; gone once it said something else. */
  known: string;
  /** Under whose name it is told. */
  messageId: string;
}

export interface Speech {
  said(voice: Voice, id: string, delta: string): readonly SessionUpdate[];
  /** It is whole; whatever did not come in pieces is told now. */
  whole(voice: Voice, id: string, text: string): readonly SessionUpdate[];
  /** The answer broke off and will be given again from where the last whole piece ended. */
  broken(): void;
  /** Something else began: what comes now goes on with nothing. */
  fresh(): void;
}

const chunk = ({ voice, messageId }: Saying, text: string): readonly SessionUpdate[] =>
  text === "" ? [] : [{ sessionUpdate: voice, content: { type: "text", text }, messageId }];

export function createSpeech(): Speech {
  const sayings = new Map<string, Saying>();
  const halves = new Map<Voice, Saying>();

  function sayingOf(voice: Voice, id: string): Saying {
    const known = sayings.get(id);
    if (known) return known;
    const half = halves.get(voice);
    halves.delete(voice);
    const saying = { voice, text: "", known: half?.text ?? "", messageId: half?.messageId ?? id };
    sayings.set(id, saying);
    return saying;
  }

  function said(voice: Voice, id: string, delta: string): readonly SessionUpdate[] {
    const saying = sayingOf(voice, id);
    const before = saying.text;
    saying.text += delta;
    const { known, text } = saying;
    if (known.startsWith(text)) return [];
    if (text.startsWith(known)) return chunk(saying, text.slice(Math.max(before.length, known.length)));
    // Another answer this time: it stands beside what was told of the first, whole and under its own name.
    saying.known = "";
    saying.messageId = id;
    return chunk(saying, text);
  }

  return {
    said,
    whole(voice, id, text) {
      const { text: before } = sayingOf(voice, id);
      const rest = text.startsWith(before) && text !== before ? said(voice, id, text.slice(before.length)) : [];
      sayings.delete(id);
      return rest;
    },
    broken() {
      for (const [id, saying] of sayings) {
        if (saying.text !== "" || saying.known !== "") halves.set(saying.voice, longest(saying));
        sayings.delete(id);
      }
    },
    fresh() {
      sayings.clear();
      halves.clear();
    },
  };
}

/** An attempt that broke off even earlier than the one before it changes nothing of what was told. */
const longest = (saying: Saying): Saying =>
  saying.known.length > saying.text.length ? { ...saying, text: saying.known } : saying;
