/** What `npm run bench -- --help` prints. */
import { peerPackages } from "./peer.ts";
import type { Row } from "./row.ts";

/** For those whose words were not understood. */
export const usageLine = (rows: readonly Row[]): string =>
  `npm run bench [row…] [-- --json] [-- --out <file>]\nRows: ${rows.map(({ name }) => name).join(", ")}.`;

const options: readonly (readonly [string, string])[] = [
  ["--json", "prints JSON instead of the table"],
  ["--out <file>", "writes the JSON to a file as well"],
  ["--only <row>", "a row by name, as if it stood alone; may be repeated"],
  ["-h, --help", "prints this"],
];

function columns(lines: readonly (readonly [string, string])[]): string {
  const width = Math.max(...lines.map(([word]) => word.length));
  return lines.map(([word, says]) => `  ${word.padEnd(width)}  ${says}`).join("\n");
}

export const helpText = (rows: readonly Row[]): string => `npm run bench [row…] [-- option…]

Measures how fast Corral is, beside ${peerPackages.join(" and ")},
which are fetched from npm once. Exits with 0, with 1 if a row could not be measured, with 2 if it was not understood.

Options, after \`--\`:
${columns(options)}

Rows; all of them where none is named:
${columns(rows.map(({ name, says }) => [name, says]))}`;
