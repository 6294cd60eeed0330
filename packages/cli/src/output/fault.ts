/** Tells an error in three lines: what happened, why, and what to do. */
import { Fault, type FaultRecord, faults } from "@corral/protocol";
import { CommanderError } from "commander";
import { harmless } from "./harmless.ts";
import type { Out } from "./out.ts";

export interface Told {
  readonly what: string;
  readonly why?: string;
  readonly doing?: string;
}

const generalHelp: Readonly<Record<string, string>> = {
  never: "Change the request; trying again as it is will not help.",
  later: "Try again a little later.",
  now: "Try again.",
};

export const toldFault = ({ code, detail, help }: FaultRecord): Told => ({
  what: faults[code].title,
  why: `${detail} (${code})`,
  doing: help ?? generalHelp[faults[code].retry] ?? "Try again.",
});

/** commander says what was wrong and what it takes for the right word, on two lines. */
function toldUsage({ message }: CommanderError): Told {
  const [what = "", ...rest] = message.replace(/^error: /, "").split("\n");
  const why = rest
    .join(" ")
    .replace(/^\((.*)\)$/, "$1")
    .trim();
  return { what, ...(why ? { why } : {}), doing: "See `corral --help`." };
}

const toldSurprise = (error: unknown): Told => ({
  what: faults.internal.title,
  why: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
  doing: "Run it again with CORRAL_DEBUG=1 to see where, and report it.",
});

export function tellingOf(error: unknown): Told {
  if (error instanceof Fault) return toldFault(error.toRecord());
  return error instanceof CommanderError ? toldUsage(error) : toldSurprise(error);
}

export function tell(out: Out, { what, why, doing }: Told): void {
  if (!out.atLineStart()) out.line();
  out.line(`${out.style(["red", "bold"], "corral:")} ${harmless(what)}`);
  if (why) out.line(`  ${out.style("dim", "why:")} ${harmless(why).replaceAll("\n", "\n       ")}`);
  if (doing) out.line(`  ${out.style("dim", "do: ")} ${harmless(doing)}`);
}
