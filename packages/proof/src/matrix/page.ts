/** Writes the page of what happens when x dies off the matrix: one row per thing that dies, how, and when. */
import {
  type Cell,
  cells,
  type Mean,
  type Moment,
  means,
  meanTitles,
  moments,
  momentTitles,
  senseless,
  type Victim,
  victims,
  victimTitles,
} from "./cells.ts";
import { bounds, type FateName, fateNameOf, fates, patience } from "./fates.ts";

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

interface Group {
  readonly how: readonly Mean[];
  readonly when: readonly Moment[];
  readonly fate: FateName;
}

/** Moments of one victim and one means that end in the same way share a row. */
function groupsOf(dies: Victim, all: readonly Cell[]): readonly Group[] {
  return means.flatMap((how) => {
    const mine = all.filter((cell) => cell.dies === dies && cell.how === how);
    const names = [...new Set(mine.map(fateNameOf))];
    return names.map((fate) => ({
      how: [how],
      when: mine.filter((cell) => fateNameOf(cell) === fate).map(({ when }) => when),
      fate,
    }));
  });
}

const whenText = (when: readonly Moment[], possible: readonly Moment[]): string =>
  when.length === possible.length && possible.length > 1 ? "at any moment" : when.join(", ");

function section(dies: Victim): string {
  const mine = cells.filter((cell) => cell.dies === dies);
  const possible = moments.filter((when) => mine.some((cell) => cell.when === when));
  const rows = groupsOf(dies, mine).map(({ how, when, fate }) => {
    const { sees, kept, bound } = fates[fate];
    return [how.map((one) => `${one}: ${meanTitles[one]}`).join(", "), whenText(when, possible), sees, kept, bound];
  });
  const title = victimTitles[dies];
  return `## ${title[0]?.toUpperCase()}${title.slice(1)}\n\n${table(["How", "When", "What you see", "What is kept", "How fast"], rows)}`;
}

const boundRows = Object.entries(bounds).map(([name, { says, ms }]) => [name, says, `${ms / 1000} s`]);

const listed = (names: readonly string[] | undefined): string => names?.join(", ") ?? "any";

/** The whole page. */
export const pageOfFates = (): string => `# What happens when x dies

This page is made from the table that \`corral proof\` plays: ${cells.length} cells, each with real processes, real clients and a
real death, and after each of them ten invariants are checked. Do not edit it; run \`corral proof --page\`.

Whatever dies, what you were told is on the disk, a turn has exactly one end, and nothing is left behind.

## When

${table(
  ["Moment", "What is going on"],
  moments.map((moment) => [moment, momentTitles[moment]]),
)}

## How fast

Each bound is promised on a machine that is not overloaded. \`corral proof\` overloads the machine that it runs on: it calls
a cell failed that took more than ${patience} times its bound, and tells and counts each one that took longer than the bound
itself (\`slower than promised\`).

${table(["Bound", "What it means", "At most"], boundRows)}

${victims.map(section).join("\n\n")}

## What is not played

${table(
  ["What", "When", "How", "Why not"],
  senseless.map(({ dies, when, how, why }) => [dies.join(", "), listed(when), listed(how), why]),
)}
`;
