/** Questions that a harness puts to a person, the policy that may answer in the person's place, and the one way an answer is chosen. */
import { z } from "zod";
import { idSchema } from "./ids.ts";

export const askOptionSchema = z
  .looseObject({ optionId: z.string(), name: z.string().default(""), kind: z.string().default("") })
  .meta({ id: "AskOption", description: "An option that the harness offered, verbatim." });
export type AskOption = Readonly<z.infer<typeof askOptionSchema>>;

const decisions = ["allow", "deny", "ask"] as const;
export type Decision = (typeof decisions)[number];

export const askRuleSchema = z
  .object({
    kind: z.string().optional().describe("Applies to tool calls of this kind, such as edit or execute."),
    title: z.string().optional().describe("Applies to tool calls whose title has this text in it."),
    decision: z.enum(decisions),
  })
  .meta({ id: "AskRule" });

export const expiries = ["deny", "allow", "cancel", "pause"] as const;
export type Expiry = (typeof expiries)[number];

export const longestAskMs = 7 * 24 * 3_600_000;

const policy = {
  permissions: z.enum(decisions).describe("What happens when no rule applies."),
  rules: z.array(askRuleSchema).max(100).describe("The first rule that applies decides."),
  deadlineMs: z.int().min(1).max(longestAskMs).describe("How long an ask may stay unanswered."),
  onExpire: z.enum(expiries).describe("What happens to an ask that nobody answered in time."),
};

export const askPolicySchema = z
  .object({
    permissions: policy.permissions.default("ask"),
    rules: policy.rules.default([]),
    deadlineMs: policy.deadlineMs.default(600_000),
    onExpire: policy.onExpire.default("deny"),
  })
  .meta({ id: "AskPolicy" });
/** What is changed of a policy: without defaults, or a change of one field would set all others back. */
export const askPolicyChangeSchema = z.object(policy).partial();
export type AskPolicy = Readonly<z.infer<typeof askPolicySchema>>;

export const defaultAskPolicy: AskPolicy = askPolicySchema.parse({});

export const askSchema = z
  .object({
    id: idSchema("ask"),
    turn: idSchema("turn"),
    kind: z.enum(["permission", "elicitation"]),
    title: z.string(),
    toolCall: z.looseObject({}).optional().describe("The tool call that waits, as the harness described it."),
    options: z.array(askOptionSchema),
    schema: z.looseObject({}).optional().describe("The JSON Schema that an elicitation wants filled."),
    askedAt: z.iso.datetime(),
    deadlineAt: z.iso.datetime(),
    onExpire: z.enum(expiries),
    state: z.enum(["open", "parked"]).describe("parked: its turn was paused; an answer starts a new turn."),
  })
  .meta({ id: "Ask" });
export type Ask = Readonly<z.infer<typeof askSchema>>;

export const answerSchema = z
  .union([
    z.strictObject({ decision: z.enum(["allow", "deny", "cancel"]) }),
    z.strictObject({ option: z.string().min(1) }),
    z.strictObject({ content: z.record(z.string(), z.unknown()) }),
  ])
  .meta({ id: "Answer", example: { decision: "allow" } });
export type Answer = Readonly<z.infer<typeof answerSchema>>;

const narrowestFirst = {
  allow: ["allow_once", "allow_always"],
  deny: ["reject_once", "reject_always"],
} as const;

/**
 * Picks the option that carries out a decision: the narrowest that the harness offered, and none at all (which the harness is
 * told as "cancelled") rather than one of another kind. A kind that nobody has heard of is never picked.
 */
export function chooseOption(decision: "allow" | "deny", options: readonly AskOption[]): AskOption | undefined {
  for (const kind of narrowestFirst[decision]) {
    const fit = options.find((option) => option.kind === kind);
    if (fit) return fit;
  }
  return undefined;
}

export interface Ruling {
  readonly decision: Decision;
  /** Which line of the policy decided, for the record. */
  readonly rule: string;
}

/** What a policy says to a tool call; the first rule that applies decides. */
export function decide(policy: AskPolicy, call: { readonly kind?: string; readonly title?: string }): Ruling {
  const at = policy.rules.findIndex(
    ({ kind, title }) =>
      (kind === undefined || kind === call.kind) && (title === undefined || (call.title ?? "").includes(title)),
  );
  const rule = policy.rules[at];
  return rule
    ? { decision: rule.decision, rule: `rules[${at}]` }
    : { decision: policy.permissions, rule: "permissions" };
}
