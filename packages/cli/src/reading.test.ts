/** How the words of a command line are read, and how foreign words are shown. */
import { describe, expect, test } from "vitest";
import { separateKinds } from "./argv.ts";
import { readAnswer, readField } from "./ask-person.ts";
import { answerOf } from "./commands/ask.ts";
import { readDurationMs } from "./duration.ts";
import { exitCodeOfTurn } from "./exit-code.ts";
import { harmless, oneLine } from "./output/harmless.ts";
import { planText } from "./output/turn-view.ts";
import { policyOf } from "./policy.ts";
import { readOption } from "./run-request.ts";

const options = [
  { optionId: "allow_once", name: "Allow once", kind: "allow_once" },
  { optionId: "no", name: "Reject", kind: "reject_once" },
];

describe("the command line", () => {
  test("durations are seconds or have units", () => {
    const read = (text: string) => readDurationMs(text, "--timeout");
    expect([read("90"), read("1.5"), read("250ms"), read("5m"), read("1h30m")]).toEqual([
      90_000, 1_500, 250, 300_000, 5_400_000,
    ]);
    for (const text of ["", "0", "-1", "5x", "m", "5 m"]) expect(() => read(text), text).toThrow(/--timeout/);
  });

  test("a prompt behind --allow stays the prompt, a kind behind it is the kind", () => {
    expect(separateKinds(["run", "--allow", "fix it"])).toEqual(["run", "--allow=*", "fix it"]);
    expect(separateKinds(["run", "--deny", "execute", "--allow", "fix"])).toEqual([
      ...["run", "--deny=execute", "--allow=*", "fix"],
    ]);
    expect(separateKinds(["run", "--", "--allow", "x"])).toEqual(["run", "--", "--allow", "x"]);
    expect(separateKinds(["run", "x", "--ask"])).toEqual(["run", "x", "--ask=*"]);
  });

  test("kinds become rules in their order and the last bare flag decides the rest", () => {
    const lines = [{ decision: "deny", kind: "execute" }, { decision: "allow" }] as const;
    expect(policyOf(lines, false)).toMatchObject({
      permissions: "allow",
      rules: [{ kind: "execute", decision: "deny" }],
      onExpire: "pause",
    });
    expect(policyOf([], true).permissions).toBe("ask");
    expect(policyOf([], true).deadlineMs).toBeGreaterThan(policyOf([], false).deadlineMs);
  });

  test("an option of an agent is JSON where it can be, and text otherwise", () => {
    expect(readOption("a=1")).toEqual(["a", 1]);
    expect(readOption("a=x=y")).toEqual(["a", "x=y"]);
    expect(() => readOption("a")).toThrow(/KEY=VALUE/);
  });

  test("each end of a turn has its exit code", () => {
    const fault = (code: "turn.deadline" | "harness.crashed" | "store.full") => ({ code, detail: "" });
    expect(exitCodeOfTurn({ outcome: "completed" })).toBe(0);
    expect(exitCodeOfTurn({ outcome: "cancelled" })).toBe(1);
    expect(exitCodeOfTurn({ outcome: "paused" })).toBe(2);
    expect(exitCodeOfTurn({ outcome: "failed", fault: fault("turn.deadline") })).toBe(4);
    expect(exitCodeOfTurn({ outcome: "failed", fault: fault("harness.crashed") })).toBe(5);
    expect(exitCodeOfTurn({ outcome: "failed", fault: fault("store.full") })).toBe(1);
    expect(exitCodeOfTurn({ outcome: "cancelled" }, true)).toBe(130);
  });
});

describe("answers", () => {
  test("a person answers by number, by option or by a word", () => {
    expect(readAnswer("1", { options })).toEqual({ option: "allow_once" });
    // The id of an option comes before the word: it is what the agent offered.
    expect(readAnswer("no", { options })).toEqual({ option: "no" });
    expect(readAnswer(" A ", { options })).toEqual({ decision: "allow" });
    expect([readAnswer("3", { options }), readAnswer("", { options })]).toEqual([undefined, undefined]);
  });

  test("an answer on the command line is a decision, an option that was offered, or fields", () => {
    expect(answerOf("deny", { options })).toEqual({ decision: "deny" });
    expect(answerOf("allow_once", { options })).toEqual({ option: "allow_once" });
    expect(answerOf('{"n":1}', { options })).toEqual({ content: { n: 1 } });
    expect(() => answerOf("allow_always", { options })).toThrow(/no answer/);
    expect(() => answerOf("{n", { options })).toThrow(/not JSON/);
  });

  test("fields take the type that their schema wants", () => {
    expect([readField("y", { type: "boolean" }), readField("4", { type: "integer" }), readField("4", {})]).toEqual([
      ...[true, 4, "4"],
    ]);
  });
});

describe("foreign words", () => {
  test("what an agent says cannot steer the terminal", () => {
    expect(harmless("a\u001b[2J\u001b]0;title\u0007b\u001b[31m\r\nc\td\u0000\u009be")).toBe("ab\nc\tde");
    expect(oneLine("a\n  b\u001b[1A\rc", 10)).toBe("a b c");
    expect(oneLine("😀".repeat(9), 5)).toBe(`${"😀".repeat(4)}…`);
  });

  test("a plan is told by how far it is", () => {
    const entries = [
      { content: "read", status: "completed" },
      { content: "write", status: "in_progress" },
    ];
    expect(planText({ sessionUpdate: "plan", entries })).toBe("plan 1/2: write");
    expect(planText({ sessionUpdate: "plan", entries: "?" })).toBeUndefined();
  });
});
