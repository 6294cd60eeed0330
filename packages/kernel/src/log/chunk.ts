/** What a follower of a log is given, one step at a time. */
import type { StreamEnd } from "@corral/protocol";
import type { Entry } from "../ports/store.ts";

/** Entries that were committed together or read together. Live ones are one object for all followers: encode it once. */
export interface Chunk {
  readonly kind: "chunk";
  readonly entries: readonly Entry[];
}

export type FollowStep =
  | Chunk
  | { readonly kind: "resync"; readonly after: number; readonly first: number }
  | { readonly kind: "end"; readonly reason: StreamEnd["reason"] };
