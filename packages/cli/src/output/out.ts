/** Writing to a terminal or into a pipe: colours only where they are seen, and a reader that went away ends things quietly. */
import { fstatSync } from "node:fs";
import type { Writable } from "node:stream";
import { styleText } from "node:util";
import { harmless } from "./harmless.ts";

export type Style = Parameters<typeof styleText>[0];

export interface Out {
  readonly isTerminal: boolean;
  /** Where it ends up: two outs of one place are read as one. */
  readonly place: string | undefined;
  /** How many letters fit in a line. */
  readonly columns: number;
  /** True when the last letter written ended its line. */
  atLineStart(): boolean;
  /** As it is; on a terminal without what could steer it. */
  write(text: string): void;
  line(text?: string): void;
  /** Our own words in colour, where colours are seen. */
  style(style: Style, text: string): string;
}

type Stream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly fd?: number };

function placeOf({ fd }: Stream): string | undefined {
  if (fd === undefined) return undefined;
  try {
    const { dev, ino, rdev } = fstatSync(fd);
    return `${dev}:${ino}:${rdev}`;
  } catch {
    // A closed descriptor is no place.
    return undefined;
  }
}

const wantsColour = (stream: Stream, env: Readonly<Record<string, string | undefined>>): boolean =>
  stream.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";

interface OutNeed {
  readonly stream: Stream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called once, when the reader is gone. */
  readonly onGone: () => void;
}

export function createOut({ stream, env, onGone }: OutNeed): Out {
  let lineStart = true;
  let gone = false;
  const colours = wantsColour(stream, env);
  stream.on("error", () => {
    // EPIPE and its kin: nobody reads any more, and there is nobody to tell.
    gone = true;
    onGone();
  });
  const put = (text: string) => {
    if (gone || text === "") return;
    lineStart = text.endsWith("\n");
    stream.write(text);
  };
  return {
    isTerminal: stream.isTTY === true,
    place: placeOf(stream),
    get columns() {
      return stream.columns ?? 100;
    },
    atLineStart: () => lineStart,
    write: (text) => put(stream.isTTY ? harmless(text) : text),
    line: (text = "") => put(`${text}\n`),
    style: (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text),
  };
}
