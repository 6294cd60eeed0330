/** What a turn of a story expects the prompt to be: a part of its text, or `/a regular expression/flags`. */

export function patternOf(expect: string): RegExp | undefined {
  const written = /^\/(.+)\/([a-z]*)$/s.exec(expect);
  return written ? new RegExp(written[1] ?? "", written[2]) : undefined;
}

export const isExpected = (expect: string, prompt: string): boolean =>
  patternOf(expect)?.test(prompt) ?? prompt.includes(expect);
