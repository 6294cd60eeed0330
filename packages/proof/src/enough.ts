/** Whether a proof did what it was to do: one that has tried too little shows nothing, however well that went. */
import type { ProofRow, Proved } from "./proof.ts";

/** How much there has to be of what a figure counts. */
export type Least = Readonly<Record<string, number>>;

export const didEnough = (figures: Proved["figures"], least: Least): ProofRow => ({
  name: "it did what it was to do",
  failures: Object.entries(least).flatMap(([name, count]) =>
    Number(figures[name]) >= count
      ? []
      : [`too little: ${name} ${figures[name] ?? "not counted"}, not ${count} or more`],
  ),
});
