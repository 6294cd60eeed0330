/** Takes out of foreign text what could steer a terminal or forge a line of ours. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const steering = /\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)?|\[[0-?]*[ -/]*[@-~]|[@-_])|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/** Keeps line breaks and tabs. */
export const harmless = (text: string): string => text.replace(/\r\n/g, "\n").replace(steering, "");

/** One line of at most so many letters, cut between code points. */
export function oneLine(text: string, letters = 100): string {
  const flat = harmless(text.replace(/\s+/g, " ")).trim();
  const points = [...flat];
  return points.length > letters ? `${points.slice(0, letters - 1).join("")}…` : flat;
}
