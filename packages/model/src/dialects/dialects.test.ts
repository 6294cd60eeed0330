/** Every dialect says the same reply in its own words, streamed and whole. */
import { describe, expect, test } from "vitest";
import { model, modelThat, until } from "../model.fixture.ts";
import type { WrittenStep } from "../story/story-shape.ts";
import { type Ask, post, talk, type WireName, wires } from "../wire.fixture.ts";

const names = Object.keys(wires) as WireName[];
const rows = names.flatMap((name) => [true, false].map((stream) => ({ name, stream, as: stream ? "SSE" : "JSON" })));

const shell = {
  name: "bash",
  schema: { type: "object", properties: { command: { type: "string" } }, required: ["command"] },
};

describe.each(rows)("$name as $as", ({ name, stream }) => {
  const wire = wires[name];
  const ask = (prompt: string, more: Partial<Ask> = {}): Ask => ({ prompt, stream, ...more });

  test("a text arrives whole, however small its chunks", async () => {
    const { url } = await modelThat({ text: { text: "Grüße 👩‍🚀 to all", chunk: 1 } });
    const { heard, status } = await talk(url, name, ask("Hi"));
    expect(status).toBe(200);
    expect(heard).toMatchObject({ text: "Grüße 👩‍🚀 to all", ended: true, stop: wire.stops.end, tools: [] });
  });

  test("thinking comes apart from the text, and is counted", async () => {
    const { url } = await modelThat({ thinking: { text: "Hm, hm.", chunk: 2 } }, { text: "Yes." });
    const { heard } = await talk(url, name, ask("Hi"));
    expect(heard).toMatchObject({ thinking: "Hm, hm.", text: "Yes." });
    if (name !== "messages") expect(heard.usage).toMatchObject({ output: 42, reasoning: 12 });
  });

  test("a tool is called with its input, and its result brings the rest", async () => {
    const steps: readonly WrittenStep[] = [
      { text: "Looking." },
      { tool: { kind: "shell", input: { command: "ls ä" } } },
      { text: "Got {{tool}}" },
    ];
    const { url } = await modelThat(...steps);
    const first = await talk(url, name, ask("Hi", { tools: [shell] }));
    expect(first.heard).toMatchObject({ text: "Looking.", stop: wire.stops.tool, ended: true });
    expect(first.heard.tools).toEqual([{ id: expect.any(String), name: "bash", input: { command: "ls ä" } }]);
    const second = await talk(url, name, ask("Hi", { tools: [shell], results: ["a\n b"] }));
    expect(second.heard).toMatchObject({ text: "Got a b", stop: wire.stops.end, tools: [] });
  });

  test("tools beside each other are called in one reply, each with an id of its own", async () => {
    const tool = (path: string) => ({ tool: { name: "look", input: { path } } });
    const { url } = await modelThat(tool("a"), tool("b"), { text: "Both." });
    const { heard } = await talk(url, name, ask("Hi"));
    expect(heard.tools.map(({ input }) => input)).toEqual([{ path: "a" }, { path: "b" }]);
    expect(new Set(heard.tools.map(({ id }) => id)).size).toBe(2);
    const after = await talk(url, name, ask("Hi", { results: ["1", "2"] }));
    expect(after.heard).toMatchObject({ text: "Both.", tools: [] });
  });

  test("usage follows the formula, or the story", async () => {
    const { url, setStory } = await model();
    const counted = await talk(url, name, ask("Hi", { before: ["One", "Two"], results: ["r"] }));
    expect(counted.heard.usage).toMatchObject({ input: 1_310, cached: 200, output: 42 });
    setStory({ rules: [{ steps: [{ text: "Hi" }, { usage: { input: 9, cached: 4, output: 5, reasoning: 2 } }] }] });
    const told = await talk(url, name, ask("Hi"));
    expect(told.heard.usage).toMatchObject({ input: 9, cached: 4, output: 5 });
  });

  test("an answer that is too long says so", async () => {
    const { url } = await modelThat({ text: "And so on" }, { stop: "length" });
    expect((await talk(url, name, ask("Hi"))).heard).toMatchObject({ stop: wire.stops.length, text: "And so on" });
  });

  test.each([400, 429, 500])("an error %i comes in the dialect's own shape", async (status) => {
    const { url } = await modelThat({ error: { status, message: "No: {{prompt}}", retryAfterSeconds: 3 } });
    const answer = await talk(url, name, ask("Hi"));
    expect(answer.status).toBe(status);
    expect(answer.headers.get("retry-after")).toBe("3");
    expect(answer.heard.error).toMatchObject({ message: "No: Hi" });
  });

  test("an error's own code is told", async () => {
    const { url } = await modelThat({ error: { status: 529, code: "overloaded_error" } });
    expect((await talk(url, name, ask("Hi"))).heard.error?.code).toBe("overloaded_error");
  });

  test("an error behind a text breaks the stream with an error, and comes instead of a whole answer", async () => {
    const { url } = await modelThat({ text: "Half" }, { error: { status: 503, message: "Gone" } });
    const { heard, status } = await talk(url, name, ask("Hi"));
    expect(heard.error).toMatchObject({ message: "Gone" });
    expect([status, heard.text]).toEqual(stream ? [200, "Half"] : [503, ""]);
    expect(heard.usage).toBeUndefined();
  });

  test("a cut ends the connection in the middle, after all that was said before", async () => {
    const { url, journal } = await modelThat({ text: "Half of it" }, "cut", { text: "never" });
    const { heard, broken } = await talk(url, name, ask("Hi"));
    expect(broken).toBe(true);
    expect(heard.ended).toBe(false);
    expect(heard.stop).toBeUndefined();
    if (stream) expect(heard.text).toBe("Half of it");
    await until(() => journal()[0]?.endedAt !== undefined);
    expect(journal()[0]).toMatchObject({ aborted: false, status: 200 });
  });

  test("a hanging answer is open until the caller leaves, and the journal tells that it did", async () => {
    const { url, journal } = await modelThat({ text: "Wait" }, "hang");
    const leaving = new AbortController();
    const response = await post(url, name, ask("Hi"), { signal: leaving.signal });
    expect(response.status).toBe(200);
    expect(journal()[0]).toMatchObject({ aborted: false });
    expect(journal()[0]).not.toHaveProperty("endedAt");
    leaving.abort();
    await expect(response.text()).rejects.toThrow();
    await until(() => journal()[0]?.endedAt !== undefined);
    expect(journal()[0]).toMatchObject({ aborted: true });
    expect(journal()[0]).not.toHaveProperty("usage");
  });

  test("a schema is answered with JSON that fits it", async () => {
    const schema = {
      type: "object",
      properties: { title: { type: "string", maxLength: 12 }, model_choice: { enum: ["flash", "pro"] } },
      required: ["title", "model_choice"],
    };
    const { url, journal } = await model();
    const { heard } = await talk(url, name, ask("HANG", { schema }));
    expect(JSON.parse(heard.text)).toEqual({ title: "Scripted tit", model_choice: "flash" });
    expect(journal()[0]?.purpose).toBe("structured");
  });

  test("what is asked is read alike", async () => {
    const { url, journal } = await model();
    const more = { before: ["One"], results: ["out"], tools: [shell], model: "big" };
    await talk(url, name, ask("<context>HANG</context> COUNT", more));
    expect(journal()[0]).toMatchObject({
      dialect: name,
      model: "big",
      stream,
      userMessages: 2,
      prompt: "COUNT",
      toolResults: 1,
      toolText: "out",
      tools: ["bash"],
      imageCount: 0,
      purpose: "prompt",
    });
  });
});

test.each(names)("%s refuses a body that is not JSON in its own shape", async (name) => {
  const { url, journal } = await model();
  const path = wires[name].path({ prompt: "" });
  const response = await fetch(url + path, { method: "POST", body: "{" });
  expect(response.status).toBe(400);
  expect(wires[name].error((await response.json()) as never).message).toContain("not JSON");
  expect(journal()[0]).toMatchObject({ dialect: name, status: 400 });
});

test("instructions in the middle of a conversation are no words of a person", async () => {
  const { url, journal } = await model();
  const instructed = async (content: string) => {
    const messages = [
      { role: "user", content: "ECHO:Hi" },
      { role: "system", content },
    ];
    const body = JSON.stringify({ model: "m", max_tokens: 9, messages });
    return (await fetch(`${url}/v1/messages`, { method: "POST", body })).json();
  };
  expect(await instructed("Be brief.")).toMatchObject({ content: [{ type: "text", text: "Hi" }] });
  await instructed("Be long.");
  const [first, second] = journal();
  expect(first).toMatchObject({ userMessages: 1, prompt: "ECHO:Hi" });
  expect(first?.systemSha256).not.toBe(second?.systemSha256);
});
