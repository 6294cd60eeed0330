/** Tools, questions and requests to the client, as the scripted harness plays them. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "./json.ts";
import { isAlive, startClient, type TestClient } from "./test-client.fixture.ts";

const choose = (optionId: string) => () => ({ outcome: { outcome: "selected", optionId } });
const requests = (client: TestClient, name: string): JsonObject[] =>
  client.frames
    .filter(({ method, id }) => method === name && id !== undefined)
    .map(({ params }) => params as JsonObject);
const last = (client: TestClient): JsonObject =>
  client.updates().findLast(({ sessionUpdate }) => sessionUpdate === "tool_call_update") ?? {};

const edit = {
  title: "Write {{prompt}}",
  kind: "edit",
  diff: { path: "a.txt", text: "new\n" },
  write: true,
  ask: true,
  allowed: [{ say: "done" }],
  denied: [{ say: "kept" }],
  cancelled: [{ say: "unasked" }],
};

describe("a tool that asks first", () => {
  test("shows its diff, waits, and writes the file when it is allowed", async () => {
    await using client = await startClient();
    const file = join(client.cwd, "a.txt");
    await writeFile(file, "old\n");
    client.serve("session/request_permission", choose("allow_once"));
    await client.prompt(await client.open([{ tool: edit }]), "a.txt");
    const diff = { type: "diff", path: file, oldText: "old\n", newText: "new\n" };
    expect(requests(client, "session/request_permission")).toMatchObject([
      {
        toolCall: { title: "Write a.txt", kind: "edit", status: "pending", content: [diff] },
        options: [{ kind: "allow_once" }, { kind: "allow_always" }, { kind: "reject_once" }],
      },
    ]);
    expect(client.updates().map(({ sessionUpdate, status }) => [sessionUpdate, status])).toEqual([
      ["tool_call", "pending"],
      ["tool_call_update", "in_progress"],
      ["tool_call_update", "completed"],
      ["agent_message_chunk", undefined],
    ]);
    expect(last(client)).toMatchObject({ content: [diff] });
    expect(await readFile(file, "utf8")).toBe("new\n");
    expect(client.said()).toBe("done");
  });

  test("leaves the file alone when it is denied or the question is cancelled", async () => {
    await using client = await startClient();
    client.serve("session/request_permission", choose("reject_once"));
    const session = await client.open([{ tool: edit }]);
    await client.prompt(session);
    expect(last(client)).toMatchObject({ status: "failed" });
    client.serve("session/request_permission", () => ({ outcome: { outcome: "cancelled" } }));
    await client.prompt(session);
    expect(client.said()).toBe("keptunasked");
    expect(existsSync(join(client.cwd, "a.txt"))).toBe(false);
  });

  test("fails the turn when the client chooses what was not offered", async () => {
    await using client = await startClient();
    client.serve("session/request_permission", choose("whatever"));
    const sessionId = await client.open([{ ask: "May I?" }]);
    const refusal = await client.refusal("session/prompt", { sessionId, prompt: [] });
    expect(refusal.message).toContain("chose an option that was not offered");
  });

  test("is told as failed when the turn is cancelled while it waits", async () => {
    await using client = await startClient();
    const sessionId = await client.open([{ tool: edit }]);
    const turn = client.prompt(sessionId);
    await client.until(() => requests(client, "session/request_permission").length > 0);
    client.notify("session/cancel", { sessionId });
    expect(await turn).toEqual({ stopReason: "cancelled" });
    expect(last(client)).toMatchObject({ status: "failed" });
  });
});

describe("a tool that runs a command", () => {
  test("tells its output in each of the three shapes that harnesses use", async () => {
    await using client = await startClient();
    const run = async (output: string, command: string) => {
      await client.prompt(await client.open([{ tool: { id: "call-1", title: "Run", run: command, output } }]));
      return last(client);
    };
    const text = { type: "content", content: { type: "text", text: "out\n" } };
    expect(await run("content", "echo out")).toMatchObject({ status: "completed", content: [text] });
    expect(await run("raw", "echo out; exit 3")).toMatchObject({
      status: "failed",
      content: [text],
      rawOutput: { output: "out\n", metadata: { exit: 3 } },
    });
    const shaped = await run("meta", "echo out");
    expect(shaped.content).toBeUndefined();
    expect(shaped._meta).toEqual({
      terminal_output_delta: { terminal_id: "call-1", data: "out\n" },
      terminal_exit: { terminal_id: "call-1", exit_code: 0, signal: null },
    });
    expect(client.updates().findLast(({ sessionUpdate }) => sessionUpdate === "tool_call")).toMatchObject({
      content: [{ type: "terminal", terminalId: "call-1" }],
      rawInput: { command: "echo out" },
    });
  });

  test("is ended with everything it started when the turn is cancelled", async () => {
    await using client = await startClient();
    const run = "sleep 600 & echo $! > pid.part; mv pid.part pid; wait";
    const sessionId = await client.open([{ tool: { title: "Wait", run } }, { say: "never" }]);
    const turn = client.prompt(sessionId);
    await expect.poll(() => existsSync(join(client.cwd, "pid")), { timeout: 20_000 }).toBe(true);
    const pid = Number(await readFile(join(client.cwd, "pid"), "utf8"));
    expect(isAlive(pid)).toBe(true);
    client.notify("session/cancel", { sessionId });
    expect(await turn).toEqual({ stopReason: "cancelled" });
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
  });

  test("may be told of without being run, may fail by decree, and may be left without an end", async () => {
    await using client = await startClient();
    const terminal = { command: "make", output: "built\n", exit: 2 };
    await client.prompt(await client.open([{ tool: { title: "Make", terminal } }]));
    expect(last(client)).toMatchObject({ status: "failed", content: [{ content: { text: "built\n" } }] });
    await client.prompt(await client.open([{ tool: { title: "Look", text: "seen", status: "failed" } }]));
    expect(last(client)).toMatchObject({ status: "failed", content: [{ content: { text: "seen" } }] });
    await client.prompt(await client.open([{ tool: { title: "Dream", unfinished: true } }]));
    expect(last(client)).toMatchObject({ status: "in_progress" });
  });
});

describe("requests to the client", () => {
  test("files and commands go through the client where the story says so", async () => {
    await using client = await startClient();
    client.serve("fs/write_text_file", () => ({}));
    client.serve("fs/read_text_file", () => ({ content: "from the client" }));
    client.serve("terminal/create", () => ({ terminalId: "term-7" }));
    client.serve("terminal/wait_for_exit", () => ({ exitCode: 0, signal: null }));
    client.serve("terminal/output", () => ({ output: "run by the client\n", truncated: false }));
    client.serve("terminal/release", () => ({}));
    const write = { path: "b.txt", text: "by {{prompt}}" };
    const via = "client";
    await client.prompt(await client.open([{ tool: { title: "Write", via, write } }]), "me");
    expect(requests(client, "fs/write_text_file")).toMatchObject([
      { path: join(client.cwd, "b.txt"), content: "by me" },
    ]);
    await client.prompt(await client.open([{ tool: { title: "Read", via, read: "b.txt" } }]));
    expect(last(client)).toMatchObject({ content: [{ content: { text: "from the client" } }] });
    await client.prompt(await client.open([{ tool: { title: "Run", via, run: "make" } }]));
    expect(last(client)).toMatchObject({
      status: "completed",
      content: [{ type: "terminal", terminalId: "term-7" }, { content: { text: "run by the client\n" } }],
    });
    expect(requests(client, "terminal/release")).toMatchObject([{ terminalId: "term-7" }]);
  });

  test("a form is put to the client and its answer is quoted", async () => {
    await using client = await startClient();
    client.serve("elicitation/create", () => ({ action: "accept", content: { colour: "red" } }));
    const schema = { type: "object", properties: { colour: { type: "string" } } };
    await client.prompt(await client.open([{ elicit: { message: "Which colour?", schema } }]));
    expect(requests(client, "elicitation/create")).toMatchObject([{ mode: "form", requestedSchema: schema }]);
    expect(client.said()).toBe('You answered: {"colour":"red"}');
  });

  test("any method can be called, and what comes of it is said", async () => {
    await using client = await startClient();
    client.serve("fs/read_text_file", ({ path }) => ({ content: `all of ${path}` }));
    const call = { method: "fs/read_text_file", params: { path: "{{cwd}}/x" } };
    await client.prompt(await client.open([{ call }]));
    expect(client.said()).toBe(`fs/read_text_file answered: {"content":"all of ${client.cwd}/x"}`);
  });

  test("the environment is said as it is", async () => {
    await using client = await startClient({ env: { CANARY: "tweet" } });
    await client.prompt(await client.open(["env"]));
    expect(JSON.parse(client.said())).toEqual({ PATH: expect.any(String), HOME: client.cwd, CANARY: "tweet" });
  });
});
