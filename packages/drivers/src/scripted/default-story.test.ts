/** A newcomer's first session, driven by the official ACP client, which refuses whatever is not true ACP. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import {
  client,
  methods,
  ndJsonStream,
  type RequestPermissionRequest,
  type SessionUpdate,
} from "@agentclientprotocol/sdk";
import { expect, test } from "vitest";
import { programFile } from "./test-client.fixture.ts";

async function meet(answer: "allow_once" | "reject_once") {
  const cwd = await mkdtemp(join(tmpdir(), "corral-"));
  const program = spawn(process.execPath, [programFile, "--state", join(cwd, ".state")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const updates: SessionUpdate[] = [];
  const asked: RequestPermissionRequest[] = [];
  const connection = client({ name: "newcomer" })
    .onRequest(methods.client.session.requestPermission, ({ params }) => {
      asked.push(params);
      return { outcome: { outcome: "selected", optionId: answer } };
    })
    .onNotification(methods.client.session.update, ({ params }) => void updates.push(params.update))
    .connect(ndJsonStream(Writable.toWeb(program.stdin), Readable.toWeb(program.stdout) as ReadableStream<Uint8Array>));
  const { agent } = connection;
  await agent.request(methods.agent.initialize, { protocolVersion: 1, clientCapabilities: {} });
  const { sessionId } = await agent.request(methods.agent.session.new, { cwd, mcpServers: [] });
  const prompt = (text: string) =>
    agent.request(methods.agent.session.prompt, { sessionId, prompt: [{ type: "text", text }] });
  const first = await prompt("Hello there");
  const afterFirst = updates.length;
  await prompt("And again");
  return {
    cwd,
    asked,
    first,
    updates: updates.slice(0, afterFirst),
    later: updates.slice(afterFirst),
    async [Symbol.asyncDispose]() {
      program.stdin.end();
      await once(program, "exit");
      await rm(cwd, { recursive: true, force: true });
    },
  };
}

const said = (updates: readonly SessionUpdate[]): string =>
  updates
    .map((update) =>
      update.sessionUpdate === "agent_message_chunk" && update.content.type === "text" ? update.content.text : "",
    )
    .join("");

test("a first session shows a plan, a thought, two tools and a diff, asks once, and quotes the prompt (DR-06)", async () => {
  await using met = await meet("allow_once");
  const kinds = met.updates.map(({ sessionUpdate }) => sessionUpdate);
  expect(new Set(kinds)).toEqual(
    new Set([
      "available_commands_update",
      "plan",
      "agent_thought_chunk",
      "tool_call",
      "tool_call_update",
      "agent_message_chunk",
      "usage_update",
    ]),
  );
  const plans = met.updates.flatMap((update) => (update.sessionUpdate === "plan" ? [update.entries] : []));
  expect(plans.at(-1)?.map(({ status }) => status)).toEqual(["completed", "completed", "completed"]);
  expect(met.asked).toHaveLength(1);
  expect(met.asked[0]?.toolCall.content?.[0]).toMatchObject({ type: "diff", oldText: null });
  expect(met.first.stopReason).toBe("end_turn");
  expect(said(met.updates)).toContain("You said: Hello there");
  expect(await readFile(join(met.cwd, "corral-hello.md"), "utf8")).toContain("> Hello there");
  expect(said(met.later)).toBe("You said: And again\nThis session holds 2 messages from you.");
});

test("a newcomer who says no keeps their files and gets a kind answer", async () => {
  await using met = await meet("reject_once");
  expect(said(met.updates)).toContain("I have left your files as they are");
  await expect(readFile(join(met.cwd, "corral-hello.md"))).rejects.toThrow("ENOENT");
});
