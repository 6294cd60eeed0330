/** A prompt can say itself what the model does. */
import { manualClock } from "@corral/kernel";
import { afterEach, describe, expect, test } from "vitest";
import { model, until } from "./model.fixture.ts";
import { type Model, startModel } from "./server.ts";
import { type Ask, post, talk } from "./wire.fixture.ts";

const object = (...names: string[]) => ({
  type: "object",
  properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])),
});

const heard = async (prompt: string, more: Partial<Ask> = {}) =>
  (await talk((await model()).url, "messages", { prompt, stream: true, ...more })).heard;

const inputOf = async (prompt: string, name: string, schema: object) =>
  (await heard(prompt, { tools: [{ name, schema }] })).tools[0]?.input;

describe("a prompt", () => {
  test("without directives is greeted", async () => {
    expect((await heard("Hi")).text).toBe("Hello from the scripted model.");
  });

  test.each([
    ["ECHO:HANG in there", "HANG in there"],
    ["COUNT", "user_messages=3"],
    ["Please ECHO:a\nsecond line", "a"],
    ["DISCOUNT and SLOWLY", "Hello from the scripted model."],
  ])("%j is answered with %j", async (prompt, text) => {
    expect((await heard(prompt, { before: ["CUT", "HANG"] })).text).toBe(text);
  });

  test("THINK puts thoughts in front of anything else", async () => {
    expect(await heard("THINK ECHO:so")).toMatchObject({ thinking: "Let me think about it.", text: "so" });
  });

  test.each([400, 429, 500])("FAIL%i is an error", async (status) => {
    expect((await talk((await model()).url, "gemini", { prompt: `THINK FAIL${status}` })).status).toBe(status);
  });

  test("CUT is cut", async () => {
    const answer = await talk((await model()).url, "responses", { prompt: "CUT", stream: true });
    expect(answer).toMatchObject({ broken: true, heard: { text: "about to be cut", ended: false } });
  });

  test("of a person is found behind what the harness adds to it", async () => {
    expect((await heard("<a>CUT<b>HANG</b></a>\n<env cwd='/x'>FAIL500</env> ECHO:me")).text).toBe("me");
    const { url, journal } = await model();
    const content = ["SLOW", "[Request interrupted by user]", "ECHO:now"].map((text) => ({ type: "text", text }));
    await fetch(`${url}/v1/messages`, {
      method: "POST",
      body: JSON.stringify({ messages: [{ role: "user", content }] }),
    });
    expect(journal()[0]).toMatchObject({ prompt: "ECHO:now", userMessages: 2 });
  });
});

describe("a tool", () => {
  test("is the shell that the harness declared, with the names that it declared", async () => {
    expect(await inputOf("RUN_TOOL[ls [a] | wc]", "Bash", object("command", "description"))).toEqual({
      command: "ls [a] | wc",
      description: "Run a command",
    });
    expect(await inputOf("RUN_TOOL[ls]", "exec_command", object("cmd"))).toEqual({ cmd: "ls" });
    const list = { type: "object", properties: { command: { type: "array" } } };
    expect(await inputOf("RUN_TOOL[ls]", "shell", list)).toEqual({ command: ["bash", "-lc", "ls"] });
  });

  test("proves itself when no command is named", async () => {
    expect(await inputOf("RUN_TOOL", "bash", object("command"))).toEqual({
      command: "echo tool-ran > tool-proof.txt && cat tool-proof.txt",
    });
  });

  test("asks to leave the sandbox where it can", async () => {
    expect(
      await inputOf("RUN_TOOL[ls] ESCALATE", "exec_command", object("cmd", "sandbox_permissions", "justification")),
    ).toEqual({
      cmd: "ls",
      sandbox_permissions: "require_escalated",
      justification: "May the scripted model run this?",
    });
    expect(await inputOf("RUN_TOOL[ls] ESCALATE", "bash", object("command"))).toEqual({ command: "ls" });
  });

  test("writes a file, and gets what else it requires", async () => {
    const schema = {
      type: "object",
      properties: { filePath: {}, content: {}, timeout: { type: "number" }, force: { type: "boolean" } },
      required: ["filePath", "content", "timeout", "force"],
    };
    expect(await inputOf("WRITE_FILE[a.txt]", "write", schema)).toEqual({
      filePath: "a.txt",
      content: "written by the scripted model\n",
      timeout: 10_000,
      force: true,
    });
  });

  test("that is not declared is not called, and that is said", async () => {
    const { text, tools } = await heard("RUN_TOOL[ls]", { tools: [{ name: "look", schema: {} }] });
    expect(tools).toEqual([]);
    expect(text).toBe("No shell tool is declared. Declared are: look");
  });

  test("is closed with a text that quotes what came back", async () => {
    const { text, tools } = await heard("RUN_TOOL[ls]", { tools: [{ name: "bash", schema: {} }], results: ["a\nb "] });
    expect(tools).toEqual([]);
    expect(text).toBe("Tool finished. Result was: a b");
  });

  test("of a namespace, and one that takes text, are called as Codex declares them", async () => {
    const { url, setStory } = await model();
    setStory({
      rules: [
        { steps: [{ tool: { name: "spawn", input: { a: 1 } } }, { tool: { name: "patch", input: { input: "+x" } } }] },
      ],
    });
    const tools = [
      { type: "namespace", name: "agents", tools: [{ type: "function", name: "spawn", parameters: {} }] },
      { type: "custom", name: "patch" },
    ];
    const response = await fetch(`${url}/v1/responses`, {
      method: "POST",
      body: JSON.stringify({ input: "Hi", tools }),
    });
    expect(((await response.json()) as { output: unknown }).output).toMatchObject([
      { type: "function_call", name: "spawn", namespace: "agents", arguments: '{"a":1}' },
      { type: "custom_tool_call", name: "patch", input: "+x" },
    ]);
  });
});

describe("time", () => {
  let slow: Model | undefined;
  afterEach(() => slow?.close());

  test("passes on the given clock only: SLOW waits a quarter of a second after each tick", async () => {
    const clock = manualClock();
    slow = await startModel({ clock });
    const response = await post(slow.url, "chat", { prompt: "SLOW", stream: true });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const reading = (async () => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        text += value;
      }
    })();
    await until(() => text.includes("tick00"));
    clock.advance(249);
    expect(text).not.toContain("tick01");
    clock.advance(1);
    await until(() => text.includes("tick01"));
    expect(text).not.toContain("tick02");
    await Promise.all([expect(reading).rejects.toThrow(), slow.close()]);
    expect(slow.journal()[0]).toMatchObject({ aborted: true });
  });
});
