/** What may be written in a story, and how its short forms are filled in. */
import { constants } from "node:os";
import { z } from "zod";
import { unknownWord } from "./did-you-mean.ts";
import { patternOf } from "./expectation.ts";
import { isRecord } from "./json.ts";
import type { Branches, Choice, Option, Step, StepArguments, StepName, Story, StoryTurn } from "./story-shape.ts";
import * as shape from "./story-shape.ts";

/** An object that takes no other keys and says which one was probably meant. */
const strict = <Shape extends z.ZodRawShape>(keys: Shape) =>
  z.strictObject(keys, {
    error: (issue) =>
      issue.code === "unrecognized_keys" ? unknownWord("key", issue.keys?.[0] ?? "", Object.keys(keys)) : undefined,
  });

/** Anything but an object stands for the object with that one key; a bare word stands for the empty object. */
const short = <Kind extends z.ZodType>(key: string, kind: Kind) =>
  z.preprocess((written) => (isRecord(written) ? written : written === null ? {} : { [key]: written }), kind);

const count = z.int().min(0);
const signalNames = Object.keys(constants.signals) as NodeJS.Signals[];
const anything = z.record(z.string(), z.unknown());
const delivery = { chunk: z.int().min(1).exactOptional(), delayMs: count.default(0) };
const spoken = short("text", strict({ text: z.string(), ...delivery }));
const delivered = z.preprocess((written) => written ?? {}, strict(delivery));
const nothing = z.preprocess((written) => written ?? {}, strict({}));

const steps: z.ZodType<readonly Step[]> = z.lazy(() => z.array(step));
const branches: { [Name in keyof Branches]: z.ZodDefault<typeof steps> } = {
  allowed: steps.default([]),
  denied: steps.default([]),
  cancelled: steps.default([]),
};
const choices: z.ZodType<readonly Choice[]> = z
  .array(strict({ optionId: z.string().min(1), name: z.string(), kind: z.enum(shape.choiceKinds) }))
  .min(1);

const cost = z.union([
  z.number().transform((amount) => ({ amount, currency: "USD" })),
  strict({ amount: z.number(), currency: z.string() }),
]);

const tool = strict({
  id: z.string().min(1).exactOptional(),
  title: z.string(),
  kind: z.enum(shape.toolKinds).default(shape.plainTool.kind),
  locations: z.array(short("path", strict({ path: z.string(), line: z.int().min(1).exactOptional() }))).default([]),
  input: z.unknown().exactOptional(),
  diff: strict({ path: z.string(), old: z.string().exactOptional(), text: z.string() }).exactOptional(),
  text: z.string().exactOptional(),
  terminal: strict({ command: z.string(), output: z.string().default(""), exit: count.default(0) }).exactOptional(),
  write: z.union([z.literal(true), strict({ path: z.string(), text: z.string() })]).exactOptional(),
  read: z.string().exactOptional(),
  run: z.string().exactOptional(),
  via: z.enum(["content", "client"]).default("content"),
  output: z.enum(["content", "raw", "meta"]).default("content"),
  status: z.enum(["completed", "failed"]).exactOptional(),
  ask: z
    .union([z.boolean(), strict({ options: choices.default(shape.defaultChoices) })])
    .transform((ask) => (typeof ask === "object" ? ask.options : ask && shape.defaultChoices))
    .exactOptional(),
  unfinished: z.boolean().default(false),
  ...branches,
})
  .refine((written) => written.write !== true || written.diff, {
    message: "write: true writes the text of a diff, and there is none",
    path: ["write"],
  })
  .refine((written) => written.ask || !(written.allowed.length + written.denied.length + written.cancelled.length), {
    message: "allowed, denied and cancelled need ask: true",
    path: ["ask"],
  })
  .transform(({ ask, ...rest }) => (ask ? { ...rest, ask } : rest));

/** What each step takes. A bare number or text stands for the key that the step cannot do without. */
const stepKinds: { readonly [Name in StepName]: z.ZodType<StepArguments[Name]> } = {
  say: spoken,
  think: spoken,
  quote: delivered,
  count: delivered,
  history: delivered,
  env: nothing,
  plan: z.array(
    strict({
      content: z.string(),
      status: z.enum(shape.planStatuses).default("pending"),
      priority: z.enum(shape.planPriorities).default("medium"),
    }),
  ),
  usage: strict({
    used: count.exactOptional(),
    size: count.exactOptional(),
    cost: cost.exactOptional(),
    input: count.exactOptional(),
    output: count.exactOptional(),
    cached: count.exactOptional(),
  }).refine(({ used, size }) => (used === undefined) === (size === undefined), "used and size go together"),
  tool: tool,
  ask: short("title", strict({ title: z.string(), options: choices.default(shape.defaultChoices), ...branches })),
  elicit: strict({ message: z.string(), schema: anything }),
  call: short("method", strict({ method: z.string().min(1), params: anything.default({}) })),
  sleep: short("ms", strict({ ms: count })),
  gate: short("file", strict({ file: z.string().min(1) })),
  flood: short("n", strict({ n: count })),
  stop: short("reason", strict({ reason: z.enum(shape.stopReasons).default("end_turn") })),
  error: strict({ code: z.int().default(-32603), message: z.string(), data: z.unknown().exactOptional() }),
  hang: short("cancellable", strict({ cancellable: z.boolean().default(false) })),
  exit: short("code", strict({ code: count.max(255).default(0) })),
  crash: short("signal", strict({ signal: z.enum(signalNames).default("SIGKILL") })),
  "ignore-sigterm": nothing,
  "double-fork": short("seconds", strict({ seconds: count.default(600) })),
  "hang-up": nothing,
  "on-signal": strict({ signal: z.enum(signalNames).default("SIGUSR2"), steps }),
  child: short("command", strict({ command: z.string().min(1) })),
  junk: short("text", strict({ text: z.string() })),
  frame: anything,
  stderr: short("text", strict({ text: z.string().default("a line"), lines: count.default(1) })),
  late: strict({ afterMs: count.default(0), text: z.string() }),
  "duplicate-id": short("of", strict({ of: z.enum(["answer", "request"]).default("answer") })),
  "unknown-update": z.preprocess((written) => written ?? {}, anything),
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
  if (keys.length !== 1) return refuse("expected a step: a map with one key such as `say: Hello`");
  if (!isStepName(name)) return refuse(unknownWord("step", name, Object.keys(stepKinds)), [name]);
  const parsed = stepKinds[name].safeParse(isRecord(written) ? written[name] : null);
  if (parsed.success) return { do: name, with: parsed.data } as Step;
  for (const issue of parsed.error.issues) refuse(issue.message, [name, ...pathOf(issue)]);
  return z.NEVER;
});

/** Where an issue lies; an unknown key is part of it. */
export const pathOf = (issue: z.core.$ZodIssue): PropertyKey[] =>
  issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] ?? ""] : issue.path;

const option: z.ZodType<Option> = z.union([
  z
    .string()
    .min(1)
    .transform((id) => ({ id, name: id })),
  strict({ id: z.string().min(1), name: z.string(), description: z.string().exactOptional() }),
]);

const expectation = z.string().superRefine((text, context) => {
  try {
    patternOf(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
  }
});

const turn: z.ZodType<StoryTurn> = strict({ expect: expectation.exactOptional(), steps });

const ability = z.boolean().exactOptional();
const abilities = Object.fromEntries(shape.capabilityNames.map((name) => [name, ability]));

export const storySchema: z.ZodType<Story> = strict({
  name: z.string().default("a story"),
  capabilities: strict(abilities)
    .transform((given) => ({ ...shape.defaultCapabilities, ...given }))
    .default(shape.defaultCapabilities),
  models: z.array(option).default([]),
  modes: z.array(option).default([]),
  commands: z.array(strict({ name: z.string().min(1), description: z.string().default("") })).default([]),
  turns: z.array(turn).min(1),
});
