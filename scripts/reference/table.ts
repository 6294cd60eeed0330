/** Writes tables of Markdown. */

/** A bar inside a cell would end it, and so would a line break. */
const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, " ");

const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;

export const table = (titles: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(titles), row(titles.map(() => "---")), ...rows.map(row), ""].join("\n");

export const code = (text: string): string => `\`${text}\``;
