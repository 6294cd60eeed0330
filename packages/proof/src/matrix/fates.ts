/** What has to become of the turn in each cell, what its user sees, what is kept, and how fast: the promises, as a table. */
import type { FaultCode, TurnOutcome } from "@corral/protocol";
import type { Cell, Mean, Moment, Victim } from "./cells.ts";

/** The bounds by name. Each is what we promise on a machine that is not overloaded. */
export const bounds = {
  "at once": { ms: 5_000, says: "as soon as the system tells of it" },
  grace: { ms: 12_000, says: "5 s of grace to end by itself, then the closing ladder (5 s at most)" },
  restart: { ms: 20_000, says: "as soon as a daemon is started again on the same state directory" },
  room: { ms: 15_000, says: "as soon as there is room again" },
} as const satisfies Record<string, { ms: number; says: string }>;
export type BoundName = keyof typeof bounds;

/** The whole machine is busy with proving: what is measured may take this many times as long before it has failed, and is told from once as long on. */
export const patience = 3;

export interface Fate {
  readonly outcomes: readonly TurnOutcome[];
  /** Which faults the turn may end with; any fault means any that the contract lists, none means that it must have none. */
  readonly faults: readonly FaultCode[];
  readonly sees: string;
  readonly kept: string;
  readonly bound: BoundName;
}

const all = "everything that was told, to the last event";

export const fates = {
  lost: {
    outcomes: ["lost"],
    faults: ["turn.lost"],
    sees: "streams break and come back by themselves; the turn ends as `lost`; the next prompt goes on with the history",
    kept: all,
    bound: "restart",
  },
  stopped: {
    outcomes: ["cancelled"],
    faults: ["daemon.stopping"],
    sees: "the turn ends as `cancelled` (`daemon.stopping`) before the daemon leaves with code 0, within 10 s",
    kept: `${all}; queued prompts go on after the restart`,
    bound: "restart",
  },
  "stopped or done": {
    outcomes: ["cancelled", "completed"],
    faults: ["daemon.stopping"],
    sees: "the turn ends as the harness ended it, or as `cancelled`; the daemon leaves with code 0, within 10 s",
    kept: all,
    bound: "restart",
  },
  "lost, then stopped": {
    outcomes: ["lost"],
    faults: ["turn.lost"],
    sees: "the earlier turn is ended as `lost` first; then the daemon leaves with code 0",
    kept: all,
    bound: "restart",
  },
  "goes on": {
    outcomes: ["completed"],
    faults: [],
    sees: "nothing: the turn goes on to its end",
    kept: all,
    bound: "at once",
  },
  "goes on later": {
    outcomes: ["completed"],
    faults: [],
    sees: "nothing while it is frozen; when it goes on so does the turn, and followers get every event once",
    kept: all,
    bound: "at once",
  },
  "comes back": {
    outcomes: ["completed"],
    faults: [],
    sees: "streams break and come back by themselves; the session is as it was and takes the next prompt",
    kept: all,
    bound: "restart",
  },
  full: {
    outcomes: ["failed", "completed"],
    faults: ["store.full", "harness.refused", "harness.start", "harness.crashed"],
    sees: "new requests are refused with `store.full`, which says what to do; a running turn that cannot be written ends as `failed`",
    kept: "everything that was acknowledged; no restart is needed",
    bound: "room",
  },
  "full at the start": {
    outcomes: ["lost"],
    faults: ["turn.lost"],
    sees: "the daemon says `store.full` and leaves with a non-zero code, or comes up; with room again it comes up, and the turn is `lost`",
    kept: all,
    bound: "restart",
  },
  crashed: {
    outcomes: ["failed"],
    faults: ["harness.crashed"],
    sees: "the turn ends as `failed` (`harness.crashed`) with the harness's last words; the next prompt brings it back",
    kept: all,
    bound: "at once",
  },
  "crashed or done": {
    outcomes: ["failed", "completed"],
    faults: ["harness.crashed"],
    sees: "the turn ends as the harness answered, if its answer got out; else as `failed` (`harness.crashed`)",
    kept: all,
    bound: "at once",
  },
  "never started": {
    outcomes: ["failed"],
    faults: ["harness.start"],
    sees: "the turn ends as `failed` (`harness.start`) at once, without waiting for a deadline and without starting it again in a loop",
    kept: all,
    bound: "at once",
  },
  "brought back": {
    outcomes: ["completed"],
    faults: [],
    sees: "nothing; the next prompt starts a fresh harness, which knows the conversation",
    kept: all,
    bound: "at once",
  },
  "hung up": {
    outcomes: ["failed"],
    faults: ["harness.crashed"],
    sees: "a harness that hung up is ended; the turn ends as `failed` (`harness.crashed`); the next prompt brings it back",
    kept: all,
    bound: "grace",
  },
  "hung up or done": {
    outcomes: ["failed", "completed"],
    faults: ["harness.crashed"],
    sees: "the turn ends as the harness answered, if its answer got out; else as `failed`; the harness is ended",
    kept: all,
    bound: "grace",
  },
  cancelled: {
    outcomes: ["cancelled"],
    faults: [],
    sees: "the turn says that it stalls; whoever cancels it gets its end, and what is frozen is killed",
    kept: all,
    bound: "grace",
  },
  "cancelled or done": {
    outcomes: ["cancelled", "completed"],
    faults: [],
    sees: "the turn ends as the harness answered, if its answer got out; else as `cancelled`, and what is frozen is killed",
    kept: all,
    bound: "grace",
  },
  "tool failed": {
    outcomes: ["completed"],
    faults: [],
    sees: "the tool is told as `failed`, and the turn goes on",
    kept: all,
    bound: "at once",
  },
  "client cancels": {
    outcomes: ["cancelled"],
    faults: [],
    sees: "`corral run` cancels its turn before it leaves, with exit code 130; other followers see the end",
    kept: all,
    bound: "grace",
  },
  "client gone": {
    outcomes: ["cancelled", "completed"],
    faults: [],
    sees: "a `corral run` that nobody reads any more cancels its turn and leaves; other followers see the end",
    kept: all,
    bound: "grace",
  },
} as const satisfies Record<string, Fate>;
export type FateName = keyof typeof fates;

interface Line {
  readonly dies: readonly Victim[];
  readonly when?: readonly Moment[];
  readonly how: readonly Mean[];
  readonly fate: FateName;
}

const clocks: readonly Mean[] = ["clock forward", "clock back"];
const starting: readonly Moment[] = ["before start", "during restore"];
/** Where the client is one that only looks on. */
export const lookingOn: readonly Moment[] = ["while asked", "idle between turns"];

/** The first line that fits decides. */
const lines: readonly Line[] = [
  { dies: ["server"], when: ["idle between turns"], how: ["kill -9", "exit"], fate: "comes back" },
  { dies: ["server"], when: ["during restore"], how: ["exit"], fate: "lost, then stopped" },
  { dies: ["server"], when: ["during restore"], how: ["full disk"], fate: "full at the start" },
  // What is restored is a turn that an earlier death has lost.
  { dies: ["server"], when: ["during restore"], how: ["SIGSTOP", "closed pipe", ...clocks], fate: "lost" },
  { dies: ["server"], how: ["kill -9"], fate: "lost" },
  { dies: ["server"], how: ["SIGSTOP"], fate: "goes on later" },
  { dies: ["server"], when: ["before the end is kept"], how: ["exit"], fate: "stopped or done" },
  { dies: ["server"], how: ["exit"], fate: "stopped" },
  { dies: ["server"], how: ["closed pipe", ...clocks], fate: "goes on" },
  { dies: ["server"], how: ["full disk"], fate: "full" },
  { dies: ["harness"], when: starting, how: ["kill -9", "exit"], fate: "never started" },
  { dies: ["harness"], when: ["idle between turns"], how: ["kill -9", "exit", "closed pipe"], fate: "brought back" },
  { dies: ["harness"], when: ["before the end is kept"], how: ["kill -9", "exit"], fate: "crashed or done" },
  { dies: ["harness"], when: ["before the end is kept"], how: ["closed pipe"], fate: "hung up or done" },
  { dies: ["harness"], when: ["before the end is kept"], how: ["SIGSTOP"], fate: "cancelled or done" },
  { dies: ["harness"], how: ["kill -9", "exit"], fate: "crashed" },
  { dies: ["harness"], how: ["SIGSTOP"], fate: "cancelled" },
  { dies: ["harness"], how: ["closed pipe"], fate: "hung up" },
  { dies: ["tool", "terminal"], how: ["kill -9", "exit"], fate: "tool failed" },
  { dies: ["tool", "terminal"], how: ["SIGSTOP"], fate: "cancelled" },
  { dies: ["tool", "terminal"], how: ["closed pipe"], fate: "goes on" },
  { dies: ["child", "orphan"], how: ["kill -9", "SIGSTOP", "exit"], fate: "goes on" },
  { dies: ["client"], when: lookingOn, how: ["exit", "closed pipe"], fate: "goes on" },
  { dies: ["client"], when: ["before the end is kept"], how: ["exit"], fate: "client gone" },
  { dies: ["client"], how: ["exit"], fate: "client cancels" },
  { dies: ["client"], how: ["closed pipe"], fate: "client gone" },
  { dies: ["client"], how: ["kill -9"], fate: "goes on" },
  { dies: ["client"], how: ["SIGSTOP"], fate: "goes on later" },
];

export function fateNameOf({ dies, when, how }: Cell): FateName {
  const line = lines.find(
    (one) => one.dies.includes(dies) && one.how.includes(how) && (one.when?.includes(when) ?? true),
  );
  if (!line) throw new Error(`no fate is written down for ${dies}, ${when}, ${how}`);
  return line.fate;
}

export const fateOf = (cell: Cell): Fate => fates[fateNameOf(cell)];
