/** What a story may look like, what is said about one that is wrong, and which of its rules answers. */
import { isFault } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { model } from "../model.fixture.ts";
import { talk } from "../wire.fixture.ts";
import { checkStory, readStory } from "./story.ts";

function complaint(text: string): string {
  try {
    readStory(text, "a.yaml");
  } catch (error) {
    if (isFault(error, "story.invalid")) return error.message;
    throw error;
  }
  throw new Error("The story was taken");
}

describe("a story", () => {
  test("is written in short forms, each of which is filled in", () => {
    const text = `
rules:
  - when: Hello
    steps:
      - text: Hi
      - tool: shell
      - pause: 20
      - error: 429
      - cut
  - when: { nth: 2 }
    steps: [{ stop: length }]
`;
    const { rules, models } = checkStory(readStory(text, "a.yaml"), "here");
    expect(models).toEqual(["stub-model"]);
    expect(rules[0]).toEqual({
      when: { prompt: "Hello", purpose: "prompt" },
      steps: [
        { do: "text", with: { text: "Hi", delayMs: 0 } },
        { do: "tool", with: { kind: "shell", input: {}, escalate: false } },
        { do: "pause", with: { ms: 20 } },
        { do: "error", with: { status: 429, message: "The scripted model was told to fail" } },
        { do: "cut", with: {} },
      ],
    });
    expect(rules[1]?.when).toEqual({ nth: [2], purpose: "prompt" });
  });

  test("may be JSON, because JSON is YAML", () => {
    expect(readStory(`{"rules": [{"steps": ["hang"]}]}`, "a.json")).toEqual({ rules: [{ steps: ["hang"] }] });
  });
});

describe("a wrong story is refused", () => {
  test("with file, line, path and what was expected", () => {
    expect(complaint("name: x\nrules:\n  - steps:\n      - text: hi\n      - txt: ho\n")).toBe(
      "a.yaml:5: rules[0].steps[1].txt: unknown step 'txt', expected one of text, thinking, tool, pause, usage, stop, error, cut, hang, next",
    );
  });

  test("with the line of a mistake deep within", () => {
    const text = "rules:\n- steps:\n  - tool:\n      kind: shell\n      imput: {}\n";
    expect(complaint(text)).toMatch(/^a\.yaml:5: rules\[0\]\.steps\[0\]\.tool\.imput: unknown key 'imput', expected/);
  });

  test("with every mistake on a line of its own", () => {
    const lines = complaint("rules:\n- when: {prompt: /a(/}\n  steps:\n  - pause: soon\n  - {text: a, cut: b}\n").split(
      "\n",
    );
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^a\.yaml:2: rules\[0\]\.when\.prompt: Invalid regular/);
    expect(lines[1]).toContain("a.yaml:4: rules[0].steps[0].pause.ms: Invalid input: expected number");
    expect(lines[2]).toContain("a.yaml:5: rules[0].steps[1]: expected a step: a map with one key");
  });

  test("when it is no YAML, when a tool has two names, and when more is cached than came in", () => {
    expect(complaint("rules: [\n")).toMatch(/^a\.yaml:\d: /);
    expect(complaint("rules:\n- steps:\n  - tool: {name: a, kind: shell}\n")).toContain("either a name or a kind");
    expect(complaint("rules:\n- steps:\n  - usage: {input: 1, cached: 2}\n")).toContain("a.yaml:3");
  });

  test("when it is given to a server, which then is not started", async () => {
    await expect(model({ rules: [{ steps: [{ pause: -1 }] }] })).rejects.toSatisfy((error) =>
      isFault(error, "story.invalid"),
    );
  });
});

describe("a rule answers", () => {
  const said = async (url: string, prompt: string, more = {}) => (await talk(url, "chat", { prompt, ...more })).heard;
  const says = (text: string) => ({ steps: [{ text }] });

  test("when its text or its pattern is in the prompt, and the first that fits wins", async () => {
    const rules = [{ when: "/^fix (\\w+)/i", ...says("A") }, { when: "fix", ...says("B") }, { ...says("C") }];
    const { url } = await model({ rules });
    expect((await said(url, "Fix this")).text).toBe("A");
    expect((await said(url, "Please fix this")).text).toBe("B");
    expect((await said(url, "Thanks")).text).toBe("C");
  });

  test("when the model, the dialect and a declared tool fit", async () => {
    const rules = [{ when: { model: "/mini$/", tool: "bash", dialect: "chat" as const }, ...says("A") }];
    const { url } = await model({ rules });
    const tools = [{ name: "bash", schema: {} }];
    expect((await said(url, "Hi", { model: "gpt-mini", tools })).text).toBe("A");
    expect((await said(url, "Hi", { model: "gpt", tools })).text).toContain("Hello");
    expect((await said(url, "Hi", { model: "gpt-mini" })).text).toContain("Hello");
    expect((await talk(url, "messages", { prompt: "Hi", model: "gpt-mini", tools })).heard.text).toContain("Hello");
  });

  test("only the times it names, which tool results do not use up", async () => {
    const rules = [
      { when: { prompt: "x", nth: 1 }, steps: [{ error: 500 }] },
      { when: { prompt: "x", nth: [2] }, steps: [{ tool: { name: "t" } }, { text: "After {{tool}}" }] },
    ];
    const { url, reset } = await model({ rules });
    expect((await said(url, "x")).error).toBeDefined();
    expect((await said(url, "x")).tools).toHaveLength(1);
    expect((await said(url, "x", { results: ["r"] })).text).toBe("After r");
    expect((await said(url, "x")).text).toContain("Hello");
    reset();
    expect((await said(url, "x")).error).toBeDefined();
  });

  test("a call for a title only when it says so, and is asked in words", async () => {
    const { url, journal } = await model({ rules: [{ ...says("story") }] });
    const body = (system: string) =>
      JSON.stringify({
        messages: [
          { role: "system", content: system },
          { role: "user", content: "HANG" },
        ],
      });
    const post = (system: string) => fetch(`${url}/v1/chat/completions`, { method: "POST", body: body(system) });
    expect(await (await post("You are a title generator.")).text()).toContain("Scripted title");
    expect(await (await post("You are a coder.")).text()).toContain("story");
    expect(journal().map(({ purpose }) => purpose)).toEqual(["title", "prompt"]);
  });

  test("in parts, where it says next", async () => {
    const { url } = await model({ rules: [{ steps: [{ tool: { name: "a" } }, "next", { tool: { name: "b" } }] }] });
    const names = async (results: string[]) => (await said(url, "Hi", { results })).tools.map(({ name }) => name);
    expect(await names([])).toEqual(["a"]);
    expect(await names(["1"])).toEqual(["b"]);
    expect((await said(url, "Hi", { results: ["1", "2"] })).text).toBe("Tool finished. Result was: 2");
  });
});
