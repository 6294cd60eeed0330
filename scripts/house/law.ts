/** What a house law is: a sentence, and a way to find where a source breaks it. */
import type { Source, Syntax } from "./source.ts";

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly why: string;
}

export interface Law {
  /** The rule as a sentence about the code. */
  readonly says: string;
  find(source: Source): readonly Finding[];
}

export const lineOf = (text: string, offset: number): number => text.slice(0, offset).split("\n").length;

export const findingAt = (source: Source, node: Syntax, why: string): Finding => ({
  path: source.path,
  line: lineOf(source.text, node.start),
  why,
});

/** Findings as a reader wants them: one line each, which an editor can jump to. */
export const report = (findings: readonly Finding[]): string =>
  findings.map(({ path, line, why }) => `${path}:${line} ${why}`).join("\n");

/** Fails with every finding in full; an assertion library would cut the list short. */
export function expectNone(findings: readonly Finding[]): void {
  if (findings.length > 0) throw new Error(`${findings.length} found:\n${report(findings)}`);
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
