/** What the main thread and the thread that writes the SQLite file say to each other. */
import type { Append } from "@corral/kernel";
import type { FaultRecord } from "@corral/protocol";

export interface WorkerNeed {
  readonly file: string;
  readonly maxBytes?: number;
}

export type Write =
  | Append
  | { readonly trim: string; readonly upTo: number }
  | { readonly remove: string }
  | { readonly forgetBefore: string };

/** One answer for each write of a group: the new last cursor or a count, or why not. */
export type Answer = number | FaultRecord;

/** A group is committed as one transaction and answered by one message. */
export type ToWorker = readonly Write[] | "close";
export type FromWorker = readonly Answer[] | "ready" | { readonly failed: FaultRecord };
