/** Conversations that go on in another process after the first one died. */
import { readdir, stat } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { startClient, type TestClient } from "./test-client.fixture.ts";

const story = {
  turns: [{ steps: [{ tool: { id: "c1", title: "Look", text: "seen" } }, "quote"] }, { steps: ["count"] }],
};
const withStory = (client: TestClient, sessionId: string) => ({
  sessionId,
  cwd: client.cwd,
  mcpServers: [],
  _meta: { "corral/story": story },
});

/** One prompt was answered and the second one hangs when the program is killed. */
async function killedClient(): Promise<{ client: TestClient; session: string }> {
  const client = await startClient();
  const session = await client.open({ turns: [story.turns[0], { steps: [{ say: "lost" }, "hang"] }] });
  await client.prompt(session, "one");
  const turn = client.prompt(session, "two").catch(() => "killed");
  await client.until(() => client.said().endsWith("lost"));
  client.process.kill("SIGKILL");
  await client.exited;
  await turn;
  return { client, session };
}

describe("after kill -9", () => {
  test("load replays prompts, answers and tool calls before it answers, and the turns go on counting", async () => {
    const { client: first, session } = await killedClient();
    await using _ = first;
    await using client = await startClient({ after: first });
    await client.request("session/load", withStory(client, session));
    const shown = client
      .updates(session)
      .map(({ sessionUpdate, content, status }) => [sessionUpdate, status ?? (content as { text: string }).text]);
    expect(shown).toEqual([
      ["user_message_chunk", "one"],
      ["tool_call", "completed"],
      ["agent_message_chunk", "You said: one"],
      ["user_message_chunk", "two"],
    ]);
    expect(client.frames.at(-1)).toHaveProperty("result");
    await client.prompt(session, "three");
    expect(client.said()).toContain("3 messages");
  });

  test("resume knows the history and tells none of it", async () => {
    const { client: first, session } = await killedClient();
    await using _ = first;
    await using client = await startClient({ after: first });
    await client.request("session/resume", withStory(client, session));
    expect(client.updates()).toEqual([]);
    await client.prompt(session);
    expect(client.said()).toBe("3 messages");
  });

  test("a fork goes its own way", async () => {
    const { client: first, session } = await killedClient();
    await using _ = first;
    await using client = await startClient({ after: first });
    const { sessionId: fork } = await client.request("session/fork", withStory(client, session));
    expect(fork).not.toBe(session);
    await client.prompt(String(fork));
    await client.request("session/resume", withStory(client, session));
    await client.prompt(session);
    expect([client.said(String(fork)), client.said(session)]).toEqual(["3 messages", "3 messages"]);
  });

  test("nothing half-written is on the disk, and only its owner can read it", async () => {
    const { client, session } = await killedClient();
    await using _ = client;
    expect(await readdir(client.stateDir)).toEqual([`${session}.json`]);
    expect((await stat(client.stateDir)).mode & 0o777).toBe(0o700);
  });
});

test("a closed session takes no prompts until it is opened again, and the list knows it", async () => {
  await using client = await startClient();
  const sessionId = await client.open(["history"]);
  await client.prompt(sessionId, "one");
  await client.request("session/close", { sessionId });
  expect(await client.refusal("session/prompt", { sessionId, prompt: [] })).toMatchObject({ code: -32602 });
  const { sessions } = await client.request("session/list", { cwd: client.cwd });
  expect(sessions).toEqual([{ sessionId, cwd: client.cwd }]);
  const meta = { "corral/story": { turns: [{ steps: ["history"] }] } };
  await client.request("session/resume", { sessionId, cwd: client.cwd, _meta: meta });
  await client.prompt(sessionId, "two");
  expect(client.said()).toBe("user: oneuser: one\nagent: user: one\nuser: two");
});
