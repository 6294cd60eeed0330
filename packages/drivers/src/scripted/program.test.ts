/** The scripted harness as a client meets it: the real program, line by line. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startClient } from "./test-client.fixture.ts";

describe("opening a conversation", () => {
  test("initialize answers version 1 and what the story can do, whatever version is asked for (DR-06)", async () => {
    await using client = await startClient();
    const answer = await client.request("initialize", { protocolVersion: 2, clientCapabilities: {} });
    expect(answer).toMatchObject({
      protocolVersion: 1,
      agentCapabilities: { loadSession: true, sessionCapabilities: { resume: {}, fork: {}, close: {}, list: {} } },
    });
  });

  test("capabilities are those named on the command line, and methods beyond them are missing", async () => {
    await using client = await startClient({ args: ["--capabilities", "load,steer"] });
    expect(await client.request("initialize", { protocolVersion: 1 })).toMatchObject({
      agentCapabilities: { loadSession: true, sessionCapabilities: {} },
      _meta: { steering: { supported: true } },
    });
    expect(await client.refusal("session/resume", { sessionId: "x", cwd: client.cwd })).toMatchObject({ code: -32601 });
    expect(await client.refusal("no/such", {})).toMatchObject({ code: -32601, data: { method: "no/such" } });
  });

  test("a story file gives capabilities and turns, and a wrong one ends the program with its reason", async () => {
    await using client = await startClient();
    const file = join(client.cwd, "story.yaml");
    await writeFile(file, "capabilities: {fork: false}\nturns:\n- steps: [{say: 'From a file, {{prompt}}'}]\n");
    await using told = await startClient({ args: ["--story", file], after: client });
    const { agentCapabilities } = await told.request("initialize", { protocolVersion: 1 });
    expect(agentCapabilities).toMatchObject({ sessionCapabilities: { resume: {}, close: {} } });
    const { sessionId } = await told.request("session/new", { cwd: told.cwd, mcpServers: [] });
    await told.prompt(String(sessionId), "friend");
    expect(told.said()).toBe("From a file, friend");

    await writeFile(file, "turns:\n- steps:\n  - sya: x\n");
    await using wrong = await startClient({ args: ["--story", file], after: client });
    expect(await wrong.exited).toEqual({ code: 2, signal: null });
    expect(wrong.stderr()).toContain(`${file}:3: turns[0].steps[0].sya: unknown step`);
  });

  test("wrong parameters are refused with -32602 and lines that are not JSON with -32700", async () => {
    await using client = await startClient();
    const code = async (method: string, params: Record<string, unknown>) => (await client.refusal(method, params)).code;
    expect(await code("session/new", { cwd: "here" })).toBe(-32602);
    expect(await code("session/new", { cwd: join(client.cwd, "nowhere") })).toBe(-32602);
    expect(await code("session/prompt", { sessionId: "nobody", prompt: [] })).toBe(-32602);
    expect(await code("session/load", { sessionId: "../../etc/passwd", cwd: client.cwd })).toBe(-32602);
    const story = { turns: [{ steps: ["quit"] }] };
    expect(await client.refusal("session/new", { cwd: client.cwd, _meta: { "corral/story": story } })).toMatchObject({
      code: -32602,
      message: expect.stringContaining("unknown step 'quit'"),
      data: { code: "story.invalid" },
    });
    client.write("{nonsense");
    await client.until(() => client.frames.some(({ id }) => id === null));
    expect(client.frames.at(-1)).toMatchObject({ error: { code: -32700 } });
  });

  test("models and modes are offered as options and tell when they are changed", async () => {
    await using client = await startClient();
    const story = { models: ["small", "big"], modes: ["ask", "plan"], turns: [{ steps: ["quote"] }] };
    const opened = await client.request("session/new", { cwd: client.cwd, _meta: { "corral/story": story } });
    const { sessionId } = opened;
    expect(opened).toMatchObject({
      configOptions: [
        { id: "model", type: "select", currentValue: "small" },
        { id: "mode", type: "select", currentValue: "ask" },
      ],
      modes: { currentModeId: "ask" },
    });
    const set = await client.request("session/set_config_option", { sessionId, configId: "model", value: "big" });
    expect(set).toMatchObject({ configOptions: [{ currentValue: "big" }, { currentValue: "ask" }] });
    await client.request("session/set_mode", { sessionId, modeId: "plan" });
    expect(client.updates().map(({ sessionUpdate }) => sessionUpdate)).toEqual([
      "config_option_update",
      "current_mode_update",
      "config_option_update",
    ]);
    expect(await client.refusal("session/set_mode", { sessionId, modeId: "sleep" })).toMatchObject({ code: -32602 });
  });
});

describe("playing turns", () => {
  test("the n-th prompt plays the n-th turn and the last turn repeats", async () => {
    await using client = await startClient();
    const session = await client.open({ turns: [{ steps: [{ say: "one " }] }, { steps: ["count", { say: " " }] }] });
    for (let i = 0; i < 3; i++) expect(await client.prompt(session)).toEqual({ stopReason: "end_turn" });
    expect(client.said()).toBe("one 2 messages 3 messages ");
  });

  test("a prompt that the story did not expect is refused with both texts", async () => {
    await using client = await startClient();
    const session = await client.open({ turns: [{ expect: "/^fix/i", steps: [{ say: "fixed" }] }] });
    const prompt = [{ type: "text", text: "break it" }];
    const { code, message } = await client.refusal("session/prompt", { sessionId: session, prompt });
    expect(code).toBe(-32602);
    expect(message).toContain("expected a prompt with '/^fix/i', not 'break it'");
    await client.prompt(session, "Fix it");
    expect(client.said()).toBe("fixed");
  });

  test("text is cut between code points, never inside one", async () => {
    await using client = await startClient();
    const session = await client.open([{ say: { text: "a😀b🎉c", chunk: 2 } }]);
    await client.prompt(session);
    const texts = client.updates(session).map(({ content }) => (content as { text: string }).text);
    expect(texts).toEqual(["a😀", "b🎉", "c"]);
    expect(new Set(client.updates(session).map(({ messageId }) => messageId)).size).toBe(1);
  });

  test("thoughts, plans, usage, the reason of the end and errors are told as the story says", async () => {
    await using client = await startClient();
    const usage = { used: 10, size: 100, cost: 0.5, input: 3, output: 2, cached: 1 };
    const plan = [{ content: "Do {{prompt}}", status: "in_progress", priority: "high" }];
    const session = await client.open({
      turns: [
        { steps: [{ think: "hm" }, { plan }, { usage }, { stop: "max_tokens" }, { say: "never" }] },
        { steps: [{ error: { code: -32000, message: "no model", data: { status: 429 } } }] },
      ],
    });
    expect(await client.prompt(session, "it")).toEqual({
      stopReason: "max_tokens",
      usage: { inputTokens: 3, outputTokens: 2, totalTokens: 6, cachedReadTokens: 1 },
    });
    expect(client.updates(session)).toMatchObject([
      { sessionUpdate: "agent_thought_chunk", content: { type: "text", text: "hm" } },
      { sessionUpdate: "plan", entries: [{ content: "Do it", status: "in_progress", priority: "high" }] },
      { sessionUpdate: "usage_update", used: 10, size: 100, cost: { amount: 0.5, currency: "USD" } },
    ]);
    const refused = await client.refusal("session/prompt", { sessionId: session, prompt: [] });
    expect(refused).toEqual({ code: -32000, message: "no model", data: { status: 429 } });
  });

  test("sessions of one process play side by side, prompts of one session one after the other", async () => {
    await using client = await startClient();
    const waits = await client.open([{ hang: { cancellable: true } }]);
    const first = client.prompt(waits);
    const second = client.prompt(waits);
    const quick = await client.open(["quote"]);
    expect(await client.prompt(quick, "hi")).toEqual({ stopReason: "end_turn" });
    expect(client.said(quick)).toBe("You said: hi");
    client.notify("session/cancel", { sessionId: waits });
    expect(await first).toEqual({ stopReason: "cancelled" });
    expect(await second).toEqual({ stopReason: "cancelled" });
  });

  test("a cancellation ends a running step at once and the session goes on", async () => {
    await using client = await startClient();
    const session = await client.open({ turns: [{ steps: [{ say: "a" }, { sleep: 600_000 }] }, { steps: ["count"] }] });
    const turn = client.prompt(session);
    await client.until(() => client.said() === "a");
    client.notify("session/cancel", { sessionId: session });
    expect(await turn).toEqual({ stopReason: "cancelled" });
    await client.prompt(session);
    expect(client.said()).toBe("a2 messages");
  });

  test("what is steered into a turn is taken up after the step at hand", async () => {
    await using client = await startClient({ args: ["--capabilities", "steer"] });
    client.serve("session/request_permission", () => undefined);
    const session = await client.open([{ ask: "Go on?" }]);
    const idle = { sessionId: session, prompt: [{ type: "text", text: "left" }] };
    expect(await client.refusal("_session/steering", idle)).toMatchObject({ code: -32602 });
    const turn = client.prompt(session);
    await client.until(() => client.frames.some(({ method }) => method === "session/request_permission"));
    await client.request("_session/steering", idle);
    client.write('{"jsonrpc":"2.0","id":0,"result":{"outcome":{"outcome":"selected","optionId":"allow_once"}}}');
    await turn;
    expect(client.said()).toBe("Steered: left");
  });

  test("the program ends when its input ends, even in the middle of a turn", async () => {
    await using client = await startClient();
    const session = await client.open(["hang"]);
    void client.prompt(session).catch(() => "the program ended first, as it should");
    client.process.stdin?.end();
    expect(await client.exited).toEqual({ code: 0, signal: null });
  });
});
