/** What the bench measures: rows, each of some figures, each against its target. */
import type { Ours } from "./ours.ts";
import type { Peer } from "./peer.ts";

/** What a figure must reach: of ours alone, or of ours measured by the peer's. */
export interface Target {
  readonly of: "ours" | "ratio";
  readonly least?: number;
  readonly most?: number;
}

export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  /** Absent where the peer has nothing like it. */
  readonly peer?: number | undefined;
  readonly target?: Target;
}

export interface Stage {
  /** A directory that goes away when the bench ends. */
  readonly folder: string;
  readonly ours: Ours;
  /** Absent when it could not be fetched. */
  readonly peer: Peer | undefined;
  /** Says how far a long row is. */
  readonly say: (text: string) => void;
}

export interface Row {
  readonly name: string;
  readonly says: string;
  readonly measure: (stage: Stage) => Promise<readonly Figure[]>;
}

/** Ours measured by the peer's: 2 is twice as much. */
export const ratioOf = ({ ours, peer }: Figure): number | undefined => (peer ? ours / peer : undefined);

/** Undefined where there is no target, or nothing to measure by. */
export function reached(figure: Figure): boolean | undefined {
  const { target } = figure;
  const value = target?.of === "ratio" ? ratioOf(figure) : figure.ours;
  if (!target || value === undefined) return undefined;
  return value >= (target.least ?? -Infinity) && value <= (target.most ?? Infinity);
}

/** The rows of these names, in the order in which all are measured; all of them where none is named. */
export function chosenRows(rows: readonly Row[], names: readonly string[]): readonly Row[] {
  const stray = names.find((name) => !rows.some((row) => row.name === name));
  if (stray !== undefined) throw new Error(`There is no row "${stray}".`);
  return names.length === 0 ? rows : rows.filter(({ name }) => names.includes(name));
}
