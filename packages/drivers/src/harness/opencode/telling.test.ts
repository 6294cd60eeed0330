/** What a recorded OpenCode server said, as it is told. */
import { readFileSync } from "node:fs";
import type { Frame } from "@corral/kernel";
import type { SessionUpdate } from "@corral/protocol";
import { expect, test } from "vitest";
import { Telling } from "./telling.ts";

const recording = new URL("../../../../../fixtures/transcripts/opencode-serve.jsonl", import.meta.url);

interface Heard {
  readonly type: string;
  readonly properties: Frame;
}

const events = readFileSync(recording, "utf8")
  .trim()
  .split("\n")
  .flatMap((line): readonly Heard[] => JSON.parse(line).sse ?? []);

/** The first conversation of the recording. */
const native = events.find(({ type }) => type === "session.created")?.properties.sessionID;

function told(): readonly SessionUpdate[] {
  const telling = new Telling();
  return events
    .filter(({ properties }) => properties.sessionID === native)
    .flatMap(({ type, properties }) => telling.hear(type, properties));
}

const textOf = ({ content }: SessionUpdate): string => (content as { readonly text: string }).text;

test("text stands once, in the pieces in which it came, and the person's own is not told again", () => {
  const said = told().filter(({ sessionUpdate }) => sessionUpdate === "agent_message_chunk");
  expect(said.slice(0, 5).map(textOf)).toEqual(["Hello ", "from ", "the ", "stub ", "model."]);
  expect(said.map(textOf).join("")).not.toContain("hi there");
});

test("a tool is told from its beginning to its one end, under one name", () => {
  const calls = told().filter(({ sessionUpdate }) => sessionUpdate.startsWith("tool_call"));
  const ids = [...new Set(calls.map(({ toolCallId }) => toolCallId))];
  expect(ids.length).toBeGreaterThan(1);
  for (const id of ids) {
    const own = calls.filter(({ toolCallId }) => toolCallId === id);
    expect(own.map(({ sessionUpdate }) => sessionUpdate === "tool_call").filter(Boolean)).toHaveLength(1);
    expect(own[0]).toMatchObject({ sessionUpdate: "tool_call", kind: "execute" });
    expect(["completed", "failed"]).toContain(own.at(-1)?.status);
  }
});

test("a rejected tool has failed, and its words say why", () => {
  const failed = told().find(({ status }) => status === "failed");
  expect(JSON.stringify(failed?.content)).toContain("The user rejected permission");
});

test("a plan is told as a plan, without what was given up", () => {
  const entries = [
    { content: "look", status: "completed", priority: "high" },
    { content: "guess", status: "cancelled", priority: "low" },
    { content: "fix", status: "in_progress", priority: "odd" },
  ];
  expect(new Telling().hear("plan", { todos: entries })).toEqual([
    {
      sessionUpdate: "plan",
      entries: [
        { content: "look", status: "completed", priority: "high" },
        { content: "fix", status: "in_progress", priority: "medium" },
      ],
    },
  ]);
});
