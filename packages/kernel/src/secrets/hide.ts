/** Keeps the values of secrets out of a stream of bytes; what may be the beginning of one waits for what follows it. */
import type { Processes } from "../process/process.ts";
import { heldLength, mark, type Secrets, worthHiding } from "./redact.ts";

export interface ByteHider {
  push(chunk: Buffer): Buffer;
  end(): Buffer;
}

/** Bytes are handled as Latin-1 text: one letter a byte, so that nothing is torn and nothing is changed. */
const letters = (bytes: Buffer): string => bytes.toString("latin1");
const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

export function createByteHider(secrets: Secrets): ByteHider {
  const hidden = worthHiding(secrets).map(([name, value]) => ({ name, value: letters(Buffer.from(value)) }));
  const values = hidden.map(({ value }) => value);
  let held = "";
  return {
    push(chunk) {
      if (hidden.length === 0) return chunk;
      let text = held + letters(chunk);
      for (const { name, value } of hidden) text = text.replaceAll(value, mark(name));
      const length = heldLength(text, values);
      held = text.slice(text.length - length);
      return bytes(text.slice(0, text.length - length));
    },
    end() {
      const rest = held;
      held = "";
      return bytes(rest);
    },
  };
}

/** The same processes, whose programs' stderr is kept without these values, whatever whoever starts them knows of secrets. */
export const hidingAlso = (processes: Processes, secrets: Secrets): Processes => ({
  ...processes,
  spawn: (need) => processes.spawn({ ...need, secrets: { ...secrets, ...need.secrets } }),
});
