/** The bounds inside which a session lives; every wait of the kernel ends at one of them. */

import type { Intensity } from "../process/tally.ts";

export interface Limits {
  /** How often the harness of a session may die young before it is not launched again for a while. */
  readonly crashes: Intensity;
  /** How many prompts may wait behind the running one. */
  readonly queuedTurns: number;
  /** How long a harness may take to end a turn by itself after it was told to; then it is killed. */
  readonly cancelGraceMs: number;
  /** How long a harness may take to answer what is asked of it beside its turn, such as another model. */
  readonly answerMs: number;
  /** How long the end of the daemon waits for its sessions; a turn that has no end by then is lost. */
  readonly stopMs: number;
  /** After so much silence of a working harness the log says that it stalls. */
  readonly stallAfterMs: number;
  /** After so much silence its turn fails. */
  readonly stallLimitMs: number;
  /** The same while a tool runs: builds and tests are silent for long. */
  readonly toolStallLimitMs: number;
  /** How long a harness without work is kept. */
  readonly idleHarnessMs: number;
  /** How much of a conversation is told again to a harness that lost it. */
  readonly replayBytes: number;
  /** How long an idempotency key is remembered. */
  readonly receiptMs: number;
  /** How many unwritten events make a harness wait. */
  readonly pendingAppends: number;
}

export const defaultLimits: Limits = {
  crashes: { count: 3, periodMs: 120_000, rapidMs: 30_000 },
  queuedTurns: 64,
  cancelGraceMs: 5_000,
  answerMs: 20_000,
  stopMs: 7_000,
  stallAfterMs: 60_000,
  stallLimitMs: 900_000,
  toolStallLimitMs: 4 * 3_600_000,
  idleHarnessMs: 600_000,
  replayBytes: 64 * 1024,
  receiptMs: 7 * 24 * 3_600_000,
  pendingAppends: 256,
};
