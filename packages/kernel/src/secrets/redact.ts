/** Keeps the values of secrets out of what is written down, also when a value comes in pieces. */
import { chunkText, type SessionUpdate } from "@corral/protocol";

export type Secrets = Readonly<Record<string, string>>;

/** Shorter values would be found everywhere and hide nothing. */
const shortest = 4;

export const worthHiding = (secrets: Secrets): readonly (readonly [string, string])[] =>
  Object.entries(secrets)
    .filter(([, value]) => value.length >= shortest)
    .sort(([, a], [, b]) => b.length - a.length);

export const mark = (name: string): string => `[${name}]`;

/** The same thing without the values of secrets, wherever in it they stand; itself when there are none. */
export function redact<Thing>(thing: Thing, secrets: Secrets | undefined): Thing {
  const hidden = secrets ? worthHiding(secrets) : [];
  if (hidden.length === 0) return thing;
  let text = JSON.stringify(thing);
  const before = text;
  for (const [name, value] of hidden) text = text.replaceAll(JSON.stringify(value).slice(1, -1), mark(name));
  return text === before ? thing : (JSON.parse(text) as Thing);
}

/** A harness streams a few letters at a time: an end that may be the beginning of a secret waits for what follows it. */
export interface StreamRedactor {
  /** What may be told now of what was said. */
  push(update: SessionUpdate): readonly SessionUpdate[];
  /** What was held back, when nothing follows it any more. */
  flush(): readonly SessionUpdate[];
}

const streamed = new Set(["agent_message_chunk", "agent_thought_chunk", "user_message_chunk"]);

/** How long the end of a text is that begins one of the values. */
export function heldLength(text: string, values: readonly string[]): number {
  let held = 0;
  for (const value of values) {
    for (let length = Math.min(value.length - 1, text.length); length > held; length--) {
      if (text.endsWith(value.slice(0, length))) held = length;
    }
  }
  return held;
}

export function createStreamRedactor(secrets: () => Secrets | undefined): StreamRedactor {
  let held: { readonly update: SessionUpdate; readonly text: string } | undefined;

  const withText = (update: SessionUpdate, text: string): SessionUpdate => ({
    ...update,
    content: { ...(update.content as object), text },
  });

  const flush = (): readonly SessionUpdate[] => {
    const last = held;
    held = undefined;
    return last ? [withText(last.update, last.text)] : [];
  };

  return {
    flush,
    push(update) {
      const known = secrets();
      const said = streamed.has(update.sessionUpdate) ? chunkText(update) : undefined;
      if (!known || said === undefined) return [...flush(), update];
      const before = held?.update.sessionUpdate === update.sessionUpdate ? [] : flush();
      const hidden = worthHiding(known);
      let text = (held?.text ?? "") + said;
      held = undefined;
      for (const [name, value] of hidden) text = text.replaceAll(value, mark(name));
      const length = heldLength(
        text,
        hidden.map(([, value]) => value),
      );
      if (length > 0) held = { update, text: text.slice(text.length - length) };
      const told = text.slice(0, text.length - length);
      return told === "" ? before : [...before, told === said ? update : withText(update, told)];
    },
  };
}
