/** Turns `--allow`, `--deny` and `--ask` into a policy: kinds become rules in the order they were written, a bare flag decides the rest. */
import type { AskPolicy, Decision } from "@corral/protocol";
import { Option } from "commander";
import { everyKind } from "./argv.ts";

export interface PolicyLine {
  readonly decision: Decision;
  /** Absent: everything that no rule names. */
  readonly kind?: string;
}

/** The three flags share one list, so that their order is kept. */
export function policyOptions(): { readonly options: readonly Option[]; readonly lines: readonly PolicyLine[] } {
  const lines: PolicyLine[] = [];
  const option = (decision: Decision, says: string) =>
    new Option(`--${decision} [kind]`, says).argParser((kind: string) => {
      lines.push({ decision, ...(kind === everyKind ? {} : { kind }) });
      return true;
    });
  return {
    lines,
    options: [
      option("allow", "answer the agent's permission asks with allow: all, or those of a kind such as edit or execute"),
      option("deny", "… with deny"),
      option("ask", "… by a person (what happens without any of the three)"),
    ],
  };
}

/** Where nobody can be asked, a turn that needs a person is paused soon; it goes on when it is answered. */
const nobodyThereMs = 1_500;
const somebodyThereMs = 600_000;

export const waitingPolicy = (interactive: boolean): Pick<AskPolicy, "deadlineMs" | "onExpire"> => ({
  deadlineMs: interactive ? somebodyThereMs : nobodyThereMs,
  onExpire: "pause",
});

export function policyOf(lines: readonly PolicyLine[], interactive: boolean): AskPolicy {
  const rest = lines.findLast(({ kind }) => kind === undefined);
  const rules = lines.flatMap(({ decision, kind }) => (kind === undefined ? [] : [{ kind, decision }]));
  return { permissions: rest?.decision ?? "ask", rules, ...waitingPolicy(interactive) };
}
