/** Shows the matrix while it is played: a row for each thing that dies at a moment, a column for each way to die. */
import { isDeepStrictEqual } from "node:util";
import type { CellResult } from "../cell/lane.ts";
import { type Cell, means, nameOf, reasonAgainst } from "./cells.ts";

const firstWidth = 32;
const width = 12;

const line = (first: string, rest: readonly string[]): string =>
  `${first.padEnd(firstWidth)}${rest.map((text) => text.padEnd(width)).join("")}`.trimEnd();

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function markOf({ failures, slow, skipped, tookMs }: CellResult): string {
  if (skipped !== undefined) return "skipped";
  if (failures.length > 0) return "FAILED";
  return `${slow.length > 0 ? "slow" : "ok"} ${seconds(tookMs)}`;
}

const rowOf = ({ dies, when }: Cell): string => `${dies} · ${when}`;

function textOf(cell: Cell, results: readonly CellResult[], chosen: readonly Cell[]): string {
  const result = results.find((one) => isDeepStrictEqual(one.cell, cell));
  if (result) return markOf(result);
  return reasonAgainst(cell) === undefined && chosen.includes(cell) ? "…" : "-";
}

function failureLines({ cell, failures, story, seed }: CellResult): readonly string[] {
  return [
    `FAILED ${nameOf(cell)} (seed of the cell ${seed})`,
    ...failures.map(({ invariant, says }) => `  ${invariant === 0 ? "expected" : `invariant ${invariant}`}: ${says}`),
    ...story.map((text) => `    ${text}`),
  ];
}

const slowLines = ({ cell, slow }: CellResult): readonly string[] =>
  slow.map((says) => `slow: ${nameOf(cell)}: ${says}`);

/** Tells each row as soon as its last cell was played, and at once what failed or was slow. */
export function createShow(chosen: readonly Cell[], tell: (line: string) => void): (result: CellResult) => void {
  const results: CellResult[] = [];
  tell(line("what dies · when", means));
  return (result) => {
    results.push(result);
    const failed = result.failures.length > 0 ? failureLines(result) : [];
    for (const text of [...slowLines(result), ...failed]) tell(text);
    const row = chosen.filter((cell) => rowOf(cell) === rowOf(result.cell));
    const { dies, when } = result.cell;
    if (row.every((cell) => results.some((one) => isDeepStrictEqual(one.cell, cell)))) {
      tell(
        line(
          rowOf(result.cell),
          means.map((how) => textOf({ dies, when, how }, results, chosen)),
        ),
      );
    }
  };
}
