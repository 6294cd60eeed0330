/** Idempotency: what was asked under a key, and what was answered, kept in the same breath as the events it made. */
import { createHash } from "node:crypto";
import { Fault, type Session } from "@corral/protocol";
import { type Clock, isoTime } from "../ports/clock.ts";
import type { Receipt, Store } from "../ports/store.ts";

export interface Claim<Answer> {
  /** What the first request under this key was answered, if there was one. */
  readonly answered?: Answer;
  /** The receipt to append with the events; undefined when the request has no key. */
  readonly receipt?: (answer: Answer) => Receipt;
}

export interface ClaimNeed {
  readonly key: string | undefined;
  /** Keys are the caller's own per verb and session. */
  readonly scope: string;
  readonly request: unknown;
}

/** Makes the receipt that is kept with what a request has made, out of the state that it leads to. */
export type Stamp = ((state: Session) => Receipt) | undefined;

/** Secrets are known by their names here: not even a hash of a value is stored. */
const fingerprint = (request: unknown): string => {
  const text = JSON.stringify(request, (name, value) =>
    name === "secrets" && typeof value === "object" && value !== null ? Object.keys(value).sort() : value,
  );
  return createHash("sha256")
    .update(text ?? "")
    .digest("hex");
};

export async function claim<Answer>(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  { key, scope, request }: ClaimNeed,
): Promise<Claim<Answer>> {
  if (key === undefined) return {};
  const name = `${scope}:${key}`;
  const print = fingerprint(request);
  const known = await store.receipt(name);
  if (!known) {
    return { receipt: (answer) => ({ key: name, text: JSON.stringify({ print, answer }), at: isoTime(clock) }) };
  }
  const kept = JSON.parse(known.text) as { readonly print: string; readonly answer: Answer };
  if (kept.print === print) return { answered: kept.answer };
  throw new Fault("request.key_reused", {
    detail: `The idempotency key "${key}" was used at ${known.at} for another request.`,
    help: "Use a new key for each new request, and the old one only to repeat the very same request.",
  });
}
