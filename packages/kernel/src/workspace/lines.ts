/** A piece of a text, chosen by lines. */

export interface LineRange {
  /** The first line, counted from 1. */
  readonly line?: number | undefined;
  /** How many lines at most. */
  readonly limit?: number | undefined;
}

/** Where a line starts, counted from 0; the end of the text when it has fewer lines. */
function startOf(text: string, lineIndex: number, from = 0): number {
  let at = from;
  for (let i = 0; i < lineIndex; i++) {
    const end = text.indexOf("\n", at);
    if (end < 0) return text.length;
    at = end + 1;
  }
  return at;
}

/** The lines as they stand, each with the newline that ends it. */
export function pickLines(text: string, { line = 1, limit }: LineRange): string {
  const from = startOf(text, Math.max(0, line - 1));
  return limit === undefined ? text.slice(from) : text.slice(from, startOf(text, limit, from));
}
