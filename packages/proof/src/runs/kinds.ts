/** The kinds of runs that are made by the thousand: what their story does, how they must end, and how often they come. */
import type { TurnOutcome } from "@corral/protocol";

type Steps = readonly unknown[];

export interface RunKind {
  readonly name: string;
  /** How often it comes beside the others. */
  readonly weight: number;
  readonly steps: Steps;
  readonly ends: TurnOutcome;
  /** What the person does meanwhile: cancels, or closes the session under the running turn. */
  readonly person?: "cancels" | "closes";
  readonly answer?: "allow" | "deny" | "cancel";
}

const shell = (run: string, via: "content" | "client" = "content"): unknown => ({
  tool: { title: "Shell", kind: "execute", run, via },
});

const cold = { "double-fork": { seconds: 300 } };
const writes = 'f="$TMPDIR/left.$$"; echo hello > "$f"; mkdir -p "$TMPDIR/deep/er"; cat "$f"';
const asks = (title: string): unknown => ({ ask: { title, allowed: [{ say: "Yes." }], denied: [{ say: "No." }] } });

export const kinds: readonly [RunKind, ...RunKind[]] = [
  { name: "a tool with a shell", weight: 8, steps: [shell(writes), { say: "Done." }], ends: "completed" },
  { name: "a tool in our terminal", weight: 5, steps: [shell(writes, "client"), { say: "Done." }], ends: "completed" },
  {
    name: "a tool that leaves a process",
    weight: 3,
    steps: [shell("sleep 300 >/dev/null 2>&1 & echo left $!", "client"), { say: "Done." }],
    ends: "completed",
  },
  {
    name: "a double fork",
    weight: 4,
    steps: [cold, { child: "trap '' TERM; sleep 300" }, { say: "Left." }],
    ends: "completed",
  },
  { name: "a flood", weight: 2, steps: [{ flood: 400 }, shell("seq 2000")], ends: "completed" },
  { name: "an allowed ask", weight: 3, steps: [asks("May I?"), shell("true")], ends: "completed", answer: "allow" },
  { name: "a denied ask", weight: 2, steps: [asks("May I?"), shell("false")], ends: "completed", answer: "deny" },
  { name: "an ask that is cancelled", weight: 2, steps: [asks("May I?")], ends: "completed", answer: "cancel" },
  {
    name: "a crash",
    weight: 4,
    steps: [cold, shell("sleep 300 & true", "client"), { crash: "SIGKILL" }],
    ends: "failed",
  },
  { name: "an exit", weight: 3, steps: [shell("true"), { stderr: "I am leaving." }, { exit: 7 }], ends: "failed" },
  { name: "a hang-up", weight: 1, steps: [shell("true"), "hang-up", { hang: true }], ends: "failed" },
  { name: "an error", weight: 1, steps: [{ error: { message: "I will not." } }], ends: "failed" },
  { name: "a cancelled hang", weight: 4, steps: [cold, { hang: true }], ends: "cancelled", person: "cancels" },
  { name: "a cancelled shell", weight: 3, steps: [shell("sleep 300", "client")], ends: "cancelled", person: "cancels" },
  {
    name: "a session closed in the middle",
    weight: 2,
    steps: [shell("sleep 300")],
    ends: "cancelled",
    person: "closes",
  },
  { name: "deaf to polite ends", weight: 1, steps: ["ignore-sigterm", cold, { say: "I stay." }], ends: "completed" },
];

/** Deals the kinds as often as their weights say. */
export function deal(below: (bound: number) => number): RunKind {
  const all = kinds.reduce((sum, { weight }) => sum + weight, 0);
  let left = below(all);
  for (const kind of kinds) {
    left -= kind.weight;
    if (left < 0) return kind;
  }
  return kinds[0];
}
