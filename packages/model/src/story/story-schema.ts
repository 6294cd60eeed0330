/** What may be written in a story, and how its short forms are filled in. */
import { z } from "zod";
import { isRecord } from "../json.ts";
import { patternOf } from "../pattern.ts";
import { purposes } from "../prompt.ts";
import { stopReasons } from "../reply.ts";
import { dialectIds } from "../request.ts";
import { toolKindNames } from "../tool-kinds.ts";
import type { Condition, Rule, Step, StepArguments, StepName, Story } from "./story-shape.ts";

const unknownWord = (what: string, word: string, known: readonly string[]): string =>
  `unknown ${what} '${word.slice(0, 40)}', expected one of ${known.join(", ")}`;

/** An object that takes no other keys, and says which it takes. */
const strict = <Shape extends z.ZodRawShape>(keys: Shape) =>
  z.strictObject(keys, {
    error: (issue) =>
      issue.code === "unrecognized_keys" ? unknownWord("key", issue.keys?.[0] ?? "", Object.keys(keys)) : undefined,
  });

/** Anything but an object stands for the object with that one key. */
const short = <Kind extends z.ZodType>(key: string, kind: Kind) =>
  z.preprocess((written) => (isRecord(written) ? written : written === undefined ? {} : { [key]: written }), kind);

const count = z.int().min(0);
const spoken = short(
  "text",
  strict({ text: z.string(), chunk: z.int().min(1).exactOptional(), delayMs: count.default(0) }),
);
const nothing = z.preprocess((written) => written ?? {}, strict({}));

const tool = short(
  "kind",
  strict({
    name: z.string().min(1).exactOptional(),
    kind: z.enum(toolKindNames).exactOptional(),
    input: z.record(z.string(), z.unknown()).default({}),
    escalate: z.boolean().default(false),
  }).refine(({ name, kind }) => (name === undefined) !== (kind === undefined), "a tool has either a name or a kind"),
);

/** What each step takes. A bare number or text stands for the key that the step cannot do without. */
const stepKinds: { readonly [Name in StepName]: z.ZodType<StepArguments[Name]> } = {
  text: spoken,
  thinking: spoken,
  tool,
  pause: short("ms", strict({ ms: count })),
  usage: strict({
    input: count.default(0),
    cached: count.default(0),
    output: count.default(0),
    reasoning: count.default(0),
  })
    .refine(({ input, cached }) => cached <= input, "cached is a part of input")
    .refine(({ output, reasoning }) => reasoning <= output, "reasoning is a part of output"),
  stop: short("reason", strict({ reason: z.enum(stopReasons) })),
  error: short(
    "status",
    strict({
      status: z.int().min(400).max(599).default(500),
      message: z.string().default("The scripted model was told to fail"),
      code: z.string().min(1).exactOptional(),
      retryAfterSeconds: count.exactOptional(),
    }),
  ),
  cut: nothing,
  hang: nothing,
  next: nothing,
};

const isStepName = (word: string): word is StepName => Object.hasOwn(stepKinds, word);

/** A step is a map with one key, or a bare word for a step that needs nothing said. */
const step: z.ZodType<Step> = z.unknown().transform((written, context): Step => {
  const keys = isRecord(written) ? Object.keys(written) : typeof written === "string" ? [written] : [];
  const [name = ""] = keys;
  const refuse = (message: string, path: PropertyKey[] = []) => {
    context.issues.push({ code: "custom", message, path, input: written });
    return z.NEVER;
  };
  if (keys.length !== 1) return refuse("expected a step: a map with one key such as `text: Hello`");
  if (!isStepName(name)) return refuse(unknownWord("step", name, Object.keys(stepKinds)), [name]);
  const parsed = stepKinds[name].safeParse(isRecord(written) ? (written[name] ?? undefined) : undefined);
  if (parsed.success) return { do: name, with: parsed.data } as Step;
  for (const issue of parsed.error.issues) refuse(issue.message, [name, ...pathOf(issue)]);
  return z.NEVER;
});

/** Where an issue lies; an unknown key is part of it. */
export const pathOf = (issue: z.core.$ZodIssue): PropertyKey[] =>
  issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] ?? ""] : issue.path;

const wanted = z
  .string()
  .superRefine((text, context) => {
    try {
      patternOf(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
    }
  })
  .exactOptional();

const nth = z
  .union(
    [
      z
        .int()
        .min(1)
        .transform((one) => [one]),
      z.array(z.int().min(1)).min(1),
    ],
    "expected a number from 1, or a list",
  )
  .exactOptional();

const condition: z.ZodType<Condition> = short(
  "prompt",
  strict({
    prompt: wanted,
    model: wanted,
    tool: wanted,
    dialect: z.enum(dialectIds).exactOptional(),
    nth,
    purpose: z.enum(purposes).default("prompt"),
  }),
);

const rule: z.ZodType<Rule> = strict({ when: condition, steps: z.array(step).min(1) });

export const usualModels: readonly string[] = ["stub-model"];

export const storySchema: z.ZodType<Story> = strict({
  name: z.string().default("a story"),
  models: z.array(z.string().min(1)).min(1).readonly().default(usualModels),
  rules: z.array(rule).default([]),
});
