/** What a child process is to the rest of the house: an identity, three pipes, one end, and a way to be closed. */
import type { Readable, Writable } from "node:stream";
import type { ResidueRecord, RunId } from "@corral/protocol";

/** What a program said on stderr: its first and its last lines, and how many there were. */
export interface StderrTail {
  readonly head: readonly string[];
  readonly tail: readonly string[];
  readonly totalLines: number;
  readonly truncated: boolean;
}

export interface Exit {
  readonly code?: number;
  readonly signal?: string;
  readonly stderr: StderrTail;
}

export interface SpawnNeed {
  /** The run that owns the child and everything the child starts; the mark by which leftovers are found. */
  readonly run: RunId;
  /** A short name for lists, such as `scripted`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Values that must not be kept of what it says on stderr. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** How long each step of the closing ladder may take: closed stdin, SIGTERM to the group, SIGKILL to the group. */
export interface Ladder {
  readonly eofMs: number;
  readonly termMs: number;
  readonly killMs: number;
}

export interface Child {
  readonly pid: number;
  readonly name: string;
  readonly run: RunId;
  readonly startedAt: string;
  /** Writing to a child that has gone is harmless; the write's callback tells. */
  readonly stdin: Writable;
  /** Once somebody reads, the reader sets the pace. What nobody reads is kept up to 1 MiB and dropped beyond. */
  readonly stdout: Readable;
  /** stderr is drained always: into a bounded ring, and into a file of the run. */
  stderr(): StderrTail;
  /** Resolves once, when the child has ended and its pipes are read out or, 200 ms later, cut; never rejects. */
  readonly exited: Promise<Exit>;
  /** Sends a signal to the whole process group; nothing once the child has ended, for its pid may be another's by then. */
  signal(name: NodeJS.Signals): void;
  /**
   * Climbs the ladder until the child and whatever it started are gone; the last child of a run takes all of the run with
   * it, temporary files too. Idempotent; resolves within about the ladder's sum.
   */
  close(ladder?: Partial<Ladder>): Promise<Exit>;
}

export type Residue = ResidueRecord;
export type ResidueProcess = Residue["processes"][number];

export interface ProcessRow {
  readonly pid: number;
  readonly name: string;
  readonly run: RunId;
  readonly startedAt: string;
  readonly residentBytes: number;
}

export interface Processes extends AsyncDisposable {
  spawn(need: SpawnNeed): Promise<Child>;
  /** A private directory for a run's temporary files; removed when the run is swept. */
  tempDir(run: RunId): Promise<string>;
  list(): Promise<readonly ProcessRow[]>;
  /** Looks for whatever still carries the mark of a run. */
  residue(run: RunId): Promise<Residue>;
  /** Ends and removes whatever a run left; answers what it had to remove. */
  sweep(run: RunId): Promise<Residue>;
  /** Ends whatever an earlier daemon of the same state directory left behind; answers for each run what it had to remove. */
  sweepFormerLives(): Promise<readonly Residue[]>;
  /** What is left of runs that were not begun in this life, by one look at all of them; of a clean one there is no record. */
  leftovers(): Promise<readonly Residue[]>;
}
