/** What a policy decides, and which of the offered options carries a decision out. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type AskOption, type AskPolicy, answerSchema, askPolicySchema, chooseOption, decide } from "./ask.ts";

const known = ["allow_once", "allow_always", "reject_once", "reject_always"] as const;
const kinds = fc.oneof(fc.constantFrom<string>(...known, "", "allow", "deny", "always", "ALLOW_ONCE"), fc.string());
const option: fc.Arbitrary<AskOption> = fc.record({ optionId: fc.string(), name: fc.string(), kind: kinds });
const options = fc.array(option, { maxLength: 8 });
const decision = fc.constantFrom("allow" as const, "deny" as const);

test("an answer is always one of the offered options, or none (AR-12)", () => {
  fc.assert(
    fc.property(decision, options, (decided, offered) => {
      const chosen = chooseOption(decided, offered);
      if (chosen) expect(offered).toContain(chosen);
    }),
    { numRuns: 1000 },
  );
});

test("a denial never picks an option that allows, and a permission none that denies (AR-13)", () => {
  fc.assert(
    fc.property(decision, options, (decided, offered) => {
      const kind = chooseOption(decided, offered)?.kind;
      if (kind) expect(kind).toMatch(decided === "allow" ? /^allow_(once|always)$/ : /^reject_(once|always)$/);
    }),
    { numRuns: 1000 },
  );
});

test("the narrowest grant is preferred, wherever it stands (AR-14)", () => {
  fc.assert(
    fc.property(decision, options, (decided, offered) => {
      const word = decided === "allow" ? "allow" : "reject";
      const [once, always] = [`${word}_once`, `${word}_always`];
      const has = (kind: string) => offered.some((one) => one.kind === kind);
      expect(chooseOption(decided, offered)?.kind).toBe(has(once) ? once : has(always) ? always : undefined);
    }),
    { numRuns: 1000 },
  );
});

test("every subset of the four kinds, in every order, is answered by the table", () => {
  const subsets = Array.from({ length: 16 }, (_, bits) => known.filter((_kind, at) => (bits >> at) & 1)) as string[][];
  for (const set of subsets) {
    for (const kindsInOrder of [set, set.toReversed()]) {
      const offered = kindsInOrder.map((kind) => ({ optionId: kind, name: kind, kind }));
      const wanted = (names: readonly string[]) => names.find((name) => set.includes(name));
      expect(chooseOption("allow", offered)?.optionId).toBe(wanted(["allow_once", "allow_always"]));
      expect(chooseOption("deny", offered)?.optionId).toBe(wanted(["reject_once", "reject_always"]));
    }
  }
});

const word = fc.constantFrom("edit", "execute", "read", "rm", "git push", "");
const rule = fc.record(
  { kind: word, title: word, decision: fc.constantFrom("allow", "deny", "ask") },
  { requiredKeys: ["decision"] },
);
const policy = fc
  .record({ permissions: fc.constantFrom("allow", "deny", "ask"), rules: fc.array(rule, { maxLength: 6 }) })
  .map((some) => askPolicySchema.parse(some));

test("the first rule that applies decides, and says which it was", () => {
  fc.assert(
    fc.property(policy, fc.record({ kind: word, title: word }, { requiredKeys: [] }), (given, call) => {
      const ruling = decide(given, call);
      const applies = ({ kind, title }: AskPolicy["rules"][number]) =>
        (kind === undefined || kind === call.kind) && (title === undefined || (call.title ?? "").includes(title));
      const first = given.rules.find(applies);
      expect(ruling.decision).toBe(first?.decision ?? given.permissions);
      expect(ruling.rule).toBe(first ? `rules[${given.rules.indexOf(first)}]` : "permissions");
    }),
  );
});

test("a policy that says nothing asks, denies after ten minutes, and never allows", () => {
  expect(askPolicySchema.parse({})).toEqual({ permissions: "ask", rules: [], deadlineMs: 600_000, onExpire: "deny" });
  expect(decide(askPolicySchema.parse({}), {})).toEqual({ decision: "ask", rule: "permissions" });
});

test("an answer is one thing only: a decision, an option, or content", () => {
  for (const good of [{ decision: "allow" }, { option: "yes" }, { content: { name: "x" } }]) {
    expect(answerSchema.parse(good)).toEqual(good);
  }
  for (const bad of [{}, { decision: "ask" }, { option: "" }, { decision: "deny", option: "yes" }, "allow", null]) {
    expect(answerSchema.safeParse(bad).success).toBe(false);
  }
});
