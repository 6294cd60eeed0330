/** What is known after a cell, gathered from outside: the log as the disk has it, what everybody was told, and what is left. */
import type { ResidueRecord, Session, SessionEvent, TurnId } from "@corral/protocol";

/** What somebody who followed or read the log was told. */
export interface Told {
  readonly who: string;
  readonly events: readonly SessionEvent[];
  /** Whether it was told everything: it was there from the start and stayed to the end. */
  readonly whole: boolean;
}

export interface Crash {
  /** The newest event on the disk when the daemon died. */
  readonly cursor: number;
}

export interface TurnEndSeen {
  readonly turn: TurnId;
  /** From the death, or from what had to be done first, such as starting the daemon again, to the end of the turn. */
  readonly tookMs: number;
  readonly boundMs: number;
}

export interface Closing {
  readonly what: string;
  readonly tookMs: number;
  readonly boundMs: number;
  /** How a daemon left that was told to. */
  readonly code?: number | undefined;
}

export interface Evidence {
  /** The log, read off the disk at the end. */
  readonly log: readonly SessionEvent[];
  /** States that the daemon told, on the way and at the end. */
  readonly states: readonly Session[];
  readonly told: readonly Told[];
  /** Turns whose prompts were acknowledged, and titles that were. */
  readonly acknowledged: { readonly turns: readonly TurnId[]; readonly titles: readonly string[] };
  readonly crashes: readonly Crash[];
  readonly ends: readonly TurnEndSeen[];
  /** How the prompt after all of it ended; absent when it was never answered. */
  readonly afterwards: string | undefined;
  readonly closings: readonly Closing[];
  /** Where a secret was found that must not be there. */
  readonly spills: readonly string[];
  /** What changed outside the workspace. */
  readonly outside: readonly string[];
  readonly residue: readonly ResidueRecord[];
  /** What was found after the end that should be gone: processes, directories, open files. */
  readonly left: readonly string[];
}

/** Evidence of nothing: what a partial witness fills in. */
export const noEvidence: Evidence = {
  log: [],
  states: [],
  told: [],
  acknowledged: { turns: [], titles: [] },
  crashes: [],
  ends: [],
  afterwards: "completed",
  closings: [],
  spills: [],
  outside: [],
  residue: [],
  left: [],
};
