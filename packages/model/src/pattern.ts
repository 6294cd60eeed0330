/** What a rule of a story looks for: a part of a text, or `/a regular expression/flags`. */

export function patternOf(wanted: string): RegExp | undefined {
  const written = /^\/(.+)\/([a-z]*)$/s.exec(wanted);
  return written ? new RegExp(written[1] ?? "", written[2]?.replace(/[gy]/g, "")) : undefined;
}

export const isFound = (wanted: string, text: string): boolean =>
  patternOf(wanted)?.test(text) ?? text.includes(wanted);
