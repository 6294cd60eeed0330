/** The story that the scripted harness plays, as it is once it was read: plain values with every default filled in. */

export interface Story {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly models: readonly Option[];
  readonly modes: readonly Option[];
  readonly commands: readonly Command[];
  /** The n-th prompt of a session plays the n-th turn; after the last one the last repeats. */
  readonly turns: readonly StoryTurn[];
}

export const capabilityNames = ["load", "resume", "fork", "close", "list", "steer", "image"] as const;
export type Capability = (typeof capabilityNames)[number];
export type Capabilities = { readonly [Name in Capability]: boolean };

export const defaultCapabilities: Capabilities = {
  load: true,
  resume: true,
  fork: true,
  close: true,
  list: true,
  steer: false,
  image: false,
};

/** A model or a mode. */
export interface Option {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
}

export interface Command {
  readonly name: string;
  readonly description: string;
}

export interface StoryTurn {
  /** A part of the prompt's text, or `/a regular expression/flags`. */
  readonly expect?: string;
  readonly steps: readonly Step[];
}

export const choiceKinds = ["allow_once", "allow_always", "reject_once", "reject_always"] as const;

export interface Choice {
  readonly optionId: string;
  readonly name: string;
  readonly kind: (typeof choiceKinds)[number];
}

export const defaultChoices: readonly Choice[] = [
  { optionId: "allow_once", name: "Allow once", kind: "allow_once" },
  { optionId: "allow_always", name: "Always allow", kind: "allow_always" },
  { optionId: "reject_once", name: "Reject", kind: "reject_once" },
];

/** What is played after each way in which a permission can be answered. */
export interface Branches {
  readonly allowed: readonly Step[];
  readonly denied: readonly Step[];
  readonly cancelled: readonly Step[];
}

const noBranches: Branches = { allowed: [], denied: [], cancelled: [] };

export interface Spoken {
  readonly text: string;
  /** How many code points go into one chunk; absent means all of them. */
  readonly chunk?: number;
  /** The wait between two chunks. */
  readonly delayMs: number;
}

export const planStatuses = ["pending", "in_progress", "completed"] as const;
export const planPriorities = ["high", "medium", "low"] as const;

export interface PlanEntry {
  readonly content: string;
  readonly status: (typeof planStatuses)[number];
  readonly priority: (typeof planPriorities)[number];
}

// biome-ignore format: one line reads better than ten
export const toolKinds = [
  "read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other",
] as const;

export interface ToolStep extends Branches {
  readonly id?: string;
  readonly title: string;
  readonly kind: (typeof toolKinds)[number];
  readonly locations: readonly { readonly path: string; readonly line?: number }[];
  readonly input?: unknown;
  /** Without `old` the old text is what the file holds. */
  readonly diff?: { readonly path: string; readonly old?: string; readonly text: string };
  readonly text?: string;
  /** A terminal that is only told of, not run. */
  readonly terminal?: { readonly command: string; readonly output: string; readonly exit: number };
  /** Really writes a file; `true` writes the text of the diff. */
  readonly write?: true | { readonly path: string; readonly text: string };
  /** Really reads a file; its text becomes the result. */
  readonly read?: string;
  /** Really runs a shell command; its output becomes the result. */
  readonly run?: string;
  /** Whether files and commands are reached by the harness itself or by asking the client. */
  readonly via: "content" | "client";
  /** The shape of the result: content alone, content and rawOutput, or a terminal with `_meta`. */
  readonly output: "content" | "raw" | "meta";
  readonly status?: "completed" | "failed";
  /** Permission is asked for before anything is done, with these options. */
  readonly ask?: readonly Choice[];
  /** The tool is never told to have ended. */
  readonly unfinished: boolean;
}

export const plainTool = {
  kind: "other",
  locations: [],
  via: "content",
  output: "content",
  unfinished: false,
  ...noBranches,
} as const;

export interface AskStep extends Branches {
  readonly title: string;
  readonly options: readonly Choice[];
}

export interface UsageStep {
  readonly used?: number;
  readonly size?: number;
  readonly cost?: { readonly amount: number; readonly currency: string };
  readonly input?: number;
  readonly output?: number;
  readonly cached?: number;
}

export const stopReasons = ["end_turn", "max_tokens", "max_turn_requests", "refusal", "cancelled"] as const;
export type StopReason = (typeof stopReasons)[number];

type Nothing = Readonly<Record<string, never>>;
type Delivery = Omit<Spoken, "text">;

export interface StepArguments {
  say: Spoken;
  think: Spoken;
  quote: Delivery;
  count: Delivery;
  history: Delivery;
  env: Nothing;
  plan: readonly PlanEntry[];
  usage: UsageStep;
  tool: ToolStep;
  ask: AskStep;
  elicit: { readonly message: string; readonly schema: Readonly<Record<string, unknown>> };
  call: { readonly method: string; readonly params: Readonly<Record<string, unknown>> };
  sleep: { readonly ms: number };
  gate: { readonly file: string };
  flood: { readonly n: number };
  stop: { readonly reason: StopReason };
  error: { readonly code: number; readonly message: string; readonly data?: unknown };
  hang: { readonly cancellable: boolean };
  exit: { readonly code: number };
  crash: { readonly signal: NodeJS.Signals };
  "ignore-sigterm": Nothing;
  "double-fork": { readonly seconds: number };
  "hang-up": Nothing;
  "on-signal": { readonly signal: NodeJS.Signals; readonly steps: readonly Step[] };
  child: { readonly command: string };
  junk: { readonly text: string };
  frame: Readonly<Record<string, unknown>>;
  stderr: { readonly text: string; readonly lines: number };
  late: { readonly afterMs: number; readonly text: string };
  "duplicate-id": { readonly of: "answer" | "request" };
  "unknown-update": Readonly<Record<string, unknown>>;
}

export type StepName = keyof StepArguments;
export type StepOf<Name extends StepName> = { readonly do: Name; readonly with: StepArguments[Name] };
export type Step = { readonly [Name in StepName]: StepOf<Name> }[StepName];
