/** The bench's figures as a table for people. */
import { type Figure, type Row, ratioOf, reached, type Target } from "./row.ts";

export interface Measured {
  readonly row: Row;
  readonly figures: readonly Figure[];
  /** Why there are none. */
  readonly failed?: string;
}

export function number(value: number | undefined): string {
  if (value === undefined) return "";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: 0, maximumFractionDigits: digits });
}

function targetText(target: Target | undefined): string {
  if (!target) return "";
  const bound = target.least === undefined ? `≤ ${number(target.most)}` : `≥ ${number(target.least)}`;
  return target.of === "ratio" ? `${bound} ×` : bound;
}

const verdict = (figure: Figure): string => {
  const yes = reached(figure);
  return yes === undefined ? "" : yes ? "reached" : "MISSED";
};

const lineOf = (figure: Figure): readonly string[] => {
  const ratio = ratioOf(figure);
  return [
    `  ${figure.what}`,
    number(figure.ours),
    number(figure.peer),
    ratio === undefined ? "" : `${number(ratio)} ×`,
    figure.unit,
    targetText(figure.target),
    verdict(figure),
  ];
};

const heading = ["", "corral", "peer", "ratio", "", "target", ""];

/** Numbers stand to the right, words to the left. */
const toTheRight = (column: number): boolean => column >= 1 && column <= 3;

export function tableText(measured: readonly Measured[]): string {
  const lines = measured.flatMap(({ figures }) => figures.map(lineOf));
  const widths = heading.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)));
  const text = (line: readonly string[]): string =>
    line
      .map((cell, at) => (toTheRight(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
  const parts = measured.flatMap(({ row, figures, failed }) => [
    `${row.name}: ${row.says}`,
    ...figures.map((figure) => text(lineOf(figure))),
    ...(failed === undefined ? [] : [`  could not be measured: ${failed}`]),
  ]);
  return [text(heading), ...parts].join("\n");
}
