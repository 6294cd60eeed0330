/** The story of a model: as it may be written, and as it is once it was read. */
import type { Purpose } from "../prompt.ts";
import type { Refusal, StopReason, Usage } from "../reply.ts";
import type { DialectId } from "../request.ts";
import type { ToolKind } from "../tool-kinds.ts";

export interface Spoken {
  readonly text: string;
  /** How many letters go into one chunk; absent means all of them. */
  readonly chunk?: number;
  /** The silence after each chunk. */
  readonly delayMs: number;
}

export interface ToolStep {
  /** Called by this name, declared or not. */
  readonly name?: string;
  /** Or by kind: whatever tool of that kind the harness declared. */
  readonly kind?: ToolKind;
  /** For a kind in our words (command, path, content, old, new, pattern), which become those of the tool. */
  readonly input: Readonly<Record<string, unknown>>;
  /** Ask to be let out of the sandbox, where the tool has words for it. */
  readonly escalate: boolean;
}

type Nothing = Readonly<Record<string, never>>;

export interface StepArguments {
  text: Spoken;
  thinking: Spoken;
  tool: ToolStep;
  pause: { readonly ms: number };
  usage: Usage;
  stop: { readonly reason: Exclude<StopReason, "tool"> };
  error: Refusal;
  cut: Nothing;
  hang: Nothing;
  next: Nothing;
}

export type StepName = keyof StepArguments;
export type Step = { readonly [Name in StepName]: { readonly do: Name; readonly with: StepArguments[Name] } }[StepName];

export interface Condition {
  /** In the newest text of the person. */
  readonly prompt?: string;
  readonly model?: string;
  /** A tool of this name is declared. */
  readonly tool?: string;
  readonly dialect?: DialectId;
  /** Only these of the requests that meet the rest of the condition, counted from 1. */
  readonly nth?: readonly number[];
  readonly purpose: Purpose;
}

export interface Rule {
  readonly when: Condition;
  readonly steps: readonly Step[];
}

export interface Story {
  readonly name: string;
  readonly models: readonly string[];
  readonly rules: readonly Rule[];
}

type WrittenSpoken = string | (Pick<Spoken, "text"> & Partial<Spoken>);

export type WrittenStep =
  | "cut"
  | "hang"
  | "next"
  | { readonly text: WrittenSpoken }
  | { readonly thinking: WrittenSpoken }
  | { readonly tool: ToolKind | Partial<ToolStep> }
  | { readonly pause: number }
  | { readonly usage: Partial<Usage> }
  | { readonly stop: StepArguments["stop"]["reason"] }
  | { readonly error: number | Partial<Refusal> };

export interface WrittenRule {
  /** A bare text is what the prompt holds; absent fits every prompt. */
  readonly when?: string | (Partial<Omit<Condition, "nth">> & { readonly nth?: number | readonly number[] });
  readonly steps: readonly WrittenStep[];
}

/** A story as a person writes it, in YAML or in code. */
export interface WrittenStory {
  readonly name?: string;
  readonly models?: readonly string[];
  readonly rules?: readonly WrittenRule[];
}
