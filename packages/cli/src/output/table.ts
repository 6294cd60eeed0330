/** Lists as columns of plain text that a person and a pipe can both read. */
import type { Out } from "./out.ts";

export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => string | number | undefined;
}

const cell = (value: string | number | undefined): string =>
  value === undefined || value === "" ? "-" : String(value);

export function writeTable<Row>(out: Out, columns: readonly Column<Row>[], rows: readonly Row[]): void {
  const lines = rows.map((row) => columns.map((column) => cell(column.of(row))));
  const widths = columns.map(({ title }, at) => Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)));
  const join = (cells: readonly string[]) =>
    cells
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd();
  out.line(out.style("dim", join(columns.map(({ title }) => title))));
  for (const line of lines) out.line(join(line));
}

export const writeJson = (out: Out, value: unknown): void => out.line(JSON.stringify(value, undefined, 2));
