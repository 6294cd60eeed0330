/** Where a harness bends the protocol in a way of its own, its driver straightens what it says: pure steps from said to meant. */
import type { SessionUpdate } from "@corral/protocol";
import type { ConnectNeed } from "../ports/harness.ts";

/** What a driver may know when it straightens: the time, and where the harness keeps its own files. */
export type CorrectionsNeed = Pick<ConnectNeed, "clock" | "stateDir">;

/** Made anew for each connection, so that they may remember what was said in it. */
export interface Corrections {
  /** A prompt is put to the harness. */
  readonly prompt?: () => void;
  /** What it says, as it should have said it: none, one or several updates for one. */
  readonly update?: (update: SessionUpdate) => readonly SessionUpdate[];
  /** What was held back, told when the prompt is over, however it ended. */
  readonly rest?: () => readonly SessionUpdate[];
  /** The result of a prompt, or a promise of it. Throws a `Fault` where the result hides an error. */
  readonly result?: (result: unknown) => unknown;
}

export const uncorrected: Required<Corrections> = {
  prompt: () => undefined,
  update: (update) => [update],
  rest: () => [],
  result: (result) => result,
};
