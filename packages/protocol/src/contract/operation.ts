/** What one operation of the API is: a value that the server, the client, the OpenAPI document and the reference page all read. */
import type { z } from "zod";
import type { FaultCode } from "../fault.ts";

export interface Operation {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** With parameters in braces: `/v1/sessions/{session}`. */
  readonly path: `/${string}`;
  readonly tag: string;
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Takes an `Idempotency-Key`: a retry gets the first answer. */
  readonly idempotent?: true;
  /** Answered with a page of JSON, or followed as server-sent events or NDJSON, as `Accept` says. */
  readonly follows?: z.ZodType;
  /** Takes its time: answered at its end with JSON, or told line by line as server-sent events or NDJSON, as `Accept` says. */
  readonly tells?: z.ZodType;
  readonly status: 200 | 201 | 202 | 204;
  /** Other successful statuses with the same body, such as 200 for a turn that was waited for. */
  readonly alsoStatus?: readonly (200 | 201)[];
  readonly answer?: z.ZodType;
  readonly faults: readonly FaultCode[];
}

/** Keeps the exact type of each operation. */
export const operation = <const One extends Operation>(one: One): One => one;

type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;
type Given<Schema> = Schema extends z.ZodType ? z.input<Schema> : undefined;

/** What a handler is called with: everything parsed at the door. */
export interface Request<One extends Operation> {
  readonly params: Parsed<One["params"]>;
  readonly query: Parsed<One["query"]>;
  readonly body: Parsed<One["body"]>;
}

type Part<Name extends string, Schema> = [Schema] extends [z.ZodType]
  ? Record<never, never> extends Given<Schema>
    ? { readonly [Key in Name]?: Given<Schema> }
    : { readonly [Key in Name]: Given<Schema> }
  : Record<never, never>;

/** What a client gives: parts that an operation does not have are not there. */
export type Call<One extends Operation> = Part<"params", One["params"]> &
  Part<"query", One["query"]> &
  Part<"body", One["body"]>;

/** What a handler may answer with, and what a client gets. */
export type Answer<One extends Operation> = One["answer"] extends z.ZodType ? z.output<One["answer"]> : undefined;
