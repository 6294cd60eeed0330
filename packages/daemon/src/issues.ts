/** What is wrong with the shape of a request, in the words of its fields: `prompt[0].type: …`. */
import { Fault } from "@corral/protocol";
import type { z } from "zod";

export type Place = "path" | "query" | "header" | "body";

export interface ShapeIssue {
  readonly in: Place;
  /** Empty when the whole is of the wrong kind. */
  readonly path: string;
  readonly message: string;
}

type Step = PropertyKey;
type RawIssue = z.core.$ZodIssue;

const plainName = /^[A-Za-z_$][\w$]*$/;

const stepText = (step: Step, at: number): string => {
  if (typeof step === "number") return `[${step}]`;
  const name = String(step);
  if (!plainName.test(name)) return `[${JSON.stringify(name)}]`;
  return at === 0 ? name : `.${name}`;
};

export const pathText = (path: readonly Step[]): string => path.map(stepText).join("");

interface Found {
  readonly path: readonly Step[];
  readonly message: string;
}

const depthOf = (found: readonly Found[]): number => Math.max(0, ...found.map(({ path }) => path.length));

/** Of a union's branches the one that understood most speaks; when none did, all of them do. */
function ofUnion(branches: readonly (readonly RawIssue[])[], base: readonly Step[]): readonly Found[] {
  const found = branches.map((issues) => issues.flatMap((issue) => flatten(issue, base)));
  const deepest = Math.max(...found.map(depthOf));
  const best = found.filter((branch) => depthOf(branch) === deepest);
  const [only] = best;
  if (only && best.length === 1) return only;
  const said = best.map((branch) =>
    branch
      .map(({ path, message }) =>
        path.length > base.length ? `${pathText(path.slice(base.length))}: ${message}` : message,
      )
      .join(" and "),
  );
  return [{ path: base, message: [...new Set(said)].join("; or ") }];
}

function flatten(issue: RawIssue, base: readonly Step[]): readonly Found[] {
  const path = [...base, ...issue.path];
  if (issue.code === "invalid_union" && issue.errors.length > 0) return ofUnion(issue.errors, path);
  return [{ path, message: issue.message }];
}

const issueLimit = 50;

export const shapeIssues = (place: Place, error: z.ZodError): readonly ShapeIssue[] =>
  error.issues
    .flatMap((issue) => flatten(issue, []))
    .slice(0, issueLimit)
    .map(({ path, message }) => ({ in: place, path: pathText(path), message }));

const sentence = ({ in: place, path, message }: ShapeIssue): string => `${path || `the ${place}`}: ${message}`;

export const invalid = (issues: readonly ShapeIssue[]): Fault =>
  new Fault("request.invalid", {
    detail: issues.map(sentence).slice(0, 5).join(". "),
    help: "The expected shapes are described at /docs and /openapi.json.",
    more: { issues },
  });

/** Parses with a schema, or refuses with every issue by its path. */
export function parseShape<Schema extends z.ZodType>(place: Place, schema: Schema, given: unknown): z.output<Schema> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw invalid(shapeIssues(place, parsed.error));
}
