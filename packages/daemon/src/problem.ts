/** Turns whatever went wrong into an answer: a fault into its problem document, a surprise into an id and a line in the log. */
import { type Clock, isoTime } from "@corral/kernel";
import { Fault, isFault, problemMediaType, toProblem } from "@corral/protocol";
import type { Whole } from "./call.ts";
import { HungUp } from "./exchange.ts";

export interface LogLine {
  readonly at: string;
  readonly level: "error";
  /** The id that the caller was given. */
  readonly instance: string;
  readonly message: string;
  readonly stack?: string;
}

export type Log = (line: LogLine) => void;

export interface SurpriseNeed {
  readonly clock: Clock;
  readonly log: Log;
}

const retryAfterSeconds = "1";

function headersOf(fault: Fault): Record<string, string> {
  const allow = fault.more?.allow;
  return {
    "content-type": problemMediaType,
    "cache-control": "no-store",
    ...(fault.status === 401 ? { "www-authenticate": 'Bearer realm="corral"' } : {}),
    ...(fault.status === 429 || fault.status === 503 ? { "retry-after": retryAfterSeconds } : {}),
    // What is left of the body is not waited for.
    ...(fault.status === 413 ? { connection: "close" } : {}),
    ...(Array.isArray(allow) ? { allow: allow.join(", ") } : {}),
  };
}

export const problemOf = (fault: Fault, occurrence?: string): Whole => ({
  status: fault.status,
  headers: headersOf(fault),
  text: JSON.stringify(toProblem(fault, occurrence)),
});

/** Writes a surprise down where only the operator reads it, and answers with its id. */
export function logSurprise(error: unknown, { clock, log }: SurpriseNeed): string {
  const occurrence = `err_${Buffer.from(clock.chance(8)).toString("hex")}`;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  log({ at: isoTime(clock), level: "error", instance: occurrence, message, ...(stack === undefined ? {} : { stack }) });
  return occurrence;
}

const internalFault = (): Fault =>
  new Fault("internal", {
    detail: "The daemon did not expect this.",
    help: "Look for the instance in the daemon's log.",
  });

/** Nobody reads this answer; the number is the one that proxies use for callers who left. */
const hungUpStatus = 499;

export function refuse(error: unknown, need: SurpriseNeed): Whole {
  if (isFault(error) && error.code !== "internal") return problemOf(error);
  if (error instanceof HungUp) return { status: hungUpStatus, headers: {} };
  return problemOf(internalFault(), logSurprise(error, need));
}
