/** Shows how far something is: one line that changes on a terminal, a line for each step in a pipe. */
import { oneLine } from "./harmless.ts";
import type { Out } from "./out.ts";

export interface Step {
  readonly step: string;
  readonly detail: string;
  readonly percent?: number | undefined;
}

export type Meter = (step: Step) => void;

/** One line up, and all of it away. */
const lineBefore = "\u001b[1A\u001b[2K";

const wordsOf = ({ step, detail, percent }: Step): string =>
  [step, percent === undefined ? "" : `${percent} %`, detail].filter(Boolean).join("  ");

export function createMeter(out: Out, title: string): Meter {
  // What shows colours also moves its cursor.
  const live = out.isTerminal && out.style("dim", "x") !== "x";
  let told: string | undefined;
  return (step) => {
    if (!live && step.step === told) return;
    const letters = live ? Math.max(20, out.columns - 1) : 500;
    const line = oneLine(`${title}: ${live ? wordsOf(step) : `${step.step}  ${step.detail}`}`, letters);
    out.line(live && told !== undefined ? lineBefore + line : line);
    told = step.step;
  };
}
