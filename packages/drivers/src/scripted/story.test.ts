/** What a story may look like, and what is said about one that is wrong. */
import { isFault } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { checkStory, parseStory } from "./story.ts";
import { plainTool } from "./story-shape.ts";

const steps = (text: string) => parseStory(text, "a.yaml").turns[0]!.steps;

function complaint(text: string): string {
  try {
    parseStory(text, "a.yaml");
  } catch (error) {
    if (isFault(error, "story.invalid")) return error.message;
    throw error;
  }
  throw new Error("The story was taken");
}

describe("a story", () => {
  test("is written in short forms, each of which is filled in", () => {
    const story = [
      "turns:",
      "  - steps:",
      "      - say: Hello",
      "      - sleep: 20",
      "      - hang",
      "      - exit: 3",
    ];
    expect(steps(story.join("\n"))).toEqual([
      { do: "say", with: { text: "Hello", delayMs: 0 } },
      { do: "sleep", with: { ms: 20 } },
      { do: "hang", with: { cancellable: false } },
      { do: "exit", with: { code: 3 } },
    ]);
  });

  test("may be JSON, because JSON is YAML", () => {
    expect(steps(`{"turns": [{"steps": [{"tool": {"title": "Look"}}]}]}`)).toEqual([
      { do: "tool", with: { ...plainTool, title: "Look" } },
    ]);
  });

  test("names its models by a word or in full", () => {
    const { models } = checkStory({ models: ["small", { id: "big", name: "Big" }], turns: [{ steps: [] }] }, "here");
    expect(models).toEqual([
      { id: "small", name: "small" },
      { id: "big", name: "Big" },
    ]);
  });
});

describe("a wrong story is refused", () => {
  test("with file, line, path and the step that was probably meant", () => {
    expect(complaint("name: x\nturns:\n  - steps:\n      - say: hi\n      - sya: ho\n")).toBe(
      "a.yaml:5: turns[0].steps[1].sya: unknown step 'sya', did you mean 'say'?",
    );
  });

  test("with the line of a mistake inside a branch of a branch", () => {
    const text =
      "turns:\n- steps:\n  - ask:\n      title: May I?\n      allowed:\n      - tool:\n          title: t\n          knd: read\n";
    expect(complaint(text)).toBe(
      "a.yaml:8: turns[0].steps[0].ask.allowed[0].tool.knd: unknown key 'knd', did you mean 'kind'?",
    );
  });

  test("with every mistake on a line of its own", () => {
    const lines = complaint("turns:\n- steps:\n  - sleep: soon\n  - Hello there\n  - {say: a, think: b}\n").split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain("a.yaml:3: turns[0].steps[0].sleep.ms: Invalid input: expected number");
    expect(lines[1]).toContain(
      "a.yaml:4: turns[0].steps[1].Hello there: unknown step 'Hello there', expected one of say,",
    );
    expect(lines[2]).toContain("a.yaml:5: turns[0].steps[2]: expected a step: a map with one key");
  });

  test("when it is not YAML, when its expectation is no pattern, and when it has no turns", () => {
    expect(complaint("turns: [\n")).toMatch(/^a\.yaml:\d: /);
    expect(complaint("turns:\n- expect: /a(/\n  steps: []\n")).toContain("a.yaml:2: turns[0].expect: Invalid regular");
    expect(complaint("turns: []")).toContain("a.yaml:1: turns: ");
    expect(complaint("trns: []")).toContain("a.yaml:1: trns: unknown key 'trns', did you mean 'turns'?");
  });

  test("when a tool has branches and no question, or writes a diff that is not there", () => {
    expect(complaint("turns:\n- steps:\n  - tool: {title: t, denied: [quote]}\n")).toContain("need ask: true");
    expect(complaint("turns:\n- steps:\n  - tool: {title: t, write: true}\n")).toContain("there is none");
  });

  test("without lines when it came as a value", () => {
    expect(() => checkStory({ turns: [{ steps: [{ floood: 3 }] }] }, "the story in _meta")).toThrow(
      "the story in _meta: turns[0].steps[0].floood: unknown step 'floood', did you mean 'flood'?",
    );
  });
});
