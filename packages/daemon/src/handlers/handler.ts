/** How a handler is typed: one per operation of a table, so that a forgotten one does not compile. */
import type { FollowStep, Kernel, Keyed, Page } from "@corral/kernel";
import type { AnswerOf, Operation, RequestOf } from "@corral/protocol";
import type { z } from "zod";
import type { Telling } from "../telling.ts";

/** What every handler is given beside the parsed request. */
export interface Circumstances {
  /** The caller's `Idempotency-Key`, for operations that take one. */
  readonly keyed: Keyed;
  /** Aborted when the caller hangs up (the reason is a `HungUp`) or the daemon stops (a `Fault`). */
  readonly signal: AbortSignal;
}

/** An answer with another status than the operation's usual one. */
export class Answered<Answer> {
  readonly status: number;
  readonly answer: Answer;

  constructor(status: number, answer: Answer) {
    this.status = status;
    this.answer = answer;
  }
}

/** The answer of an operation that can be read in pages or followed; which of the two the caller's `Accept` says. */
export interface Followed {
  page(): Promise<Page>;
  follow(options: { readonly signal: AbortSignal }): AsyncIterable<FollowStep>;
}

type Outcome<One extends Operation> = One extends { readonly follows: z.ZodType }
  ? Followed
  : One extends { readonly tells: z.ZodType }
    ? Telling<AnswerOf<One>>
    : AnswerOf<One> | Answered<AnswerOf<One>>;

export type Handler<One extends Operation> = (request: RequestOf<One> & Circumstances) => Promise<Outcome<One>>;

export type Handlers<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Operation ? Handler<Table[Name]> : never;
};

export interface HandlersNeed {
  readonly kernel: Kernel;
  readonly version: string;
  /** Writes a surprise down where only the operator reads it, and answers with its id. */
  readonly surprised: (error: unknown) => string;
}

type Present<Some> = { readonly [Name in keyof Some]?: Exclude<Some[Name], undefined> };

/** Leaves out what was not given: in the kernel absent is absent. */
export const present = <Some extends object>(some: Some): Present<Some> =>
  Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined)) as Present<Some>;
