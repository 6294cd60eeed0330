/** The conversation as people read it, item by item. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  answered,
  asked,
  ended,
  type LooseDraft,
  logOf,
  opened,
  queued,
  runs,
  said,
  started,
  text,
  turnIds,
} from "./events.fixture.ts";
import { emptyTranscript, foldTranscript, type Item, itemSchema } from "./transcript.ts";

const [first, second] = [turnIds[0]!, turnIds[1]!];

function tell(...drafts: readonly LooseDraft[]): readonly Item[] {
  const into = emptyTranscript();
  for (const event of logOf(drafts)) foldTranscript(into, event);
  for (const item of into.items) expect(itemSchema.parse(JSON.parse(JSON.stringify(item)))).toEqual(item);
  return into.items;
}
const turnOf = (...updates: readonly Readonly<Record<string, unknown>>[]): readonly Item[] =>
  tell(queued("go"), started(), ...updates.map((update) => said(update)), ended()).slice(1);
const thought = (words: string, more = {}) => ({ ...text(words, more), sessionUpdate: "agent_thought_chunk" });
const call = (more: Readonly<Record<string, unknown>>, kind = "tool_call_update") => ({
  sessionUpdate: kind,
  toolCallId: "c1",
  ...more,
});
const content = (words: string) => [{ type: "content", content: { type: "text", text: words } }];

const ofUpdate: readonly [string, Readonly<Record<string, unknown>>, readonly Partial<Item>[]][] = [
  [
    "agent_message_chunk is a message",
    text("hi"),
    [{ kind: "message", role: "assistant", status: "completed", parts: [{ type: "text", text: "hi" }] }],
  ],
  [
    "agent_thought_chunk is reasoning",
    thought("hm"),
    [{ kind: "message", role: "assistant", parts: [{ type: "reasoning", text: "hm", visibility: "public" }] }],
  ],
  [
    "user_message_chunk is the user's",
    { ...text("me"), sessionUpdate: "user_message_chunk" },
    [{ kind: "message", role: "user", parts: [{ type: "text", text: "me" }] }],
  ],
  [
    "a chunk may be a picture",
    { sessionUpdate: "agent_message_chunk", content: { type: "image", data: "AA==", mimeType: "image/png" } },
    [{ kind: "message", parts: [{ type: "image", data: "AA==", mimeType: "image/png" }] }],
  ],
  [
    "a chunk of another kind of content is kept as it is",
    { sessionUpdate: "agent_message_chunk", content: { type: "resource_link", uri: "file:///x", name: "x" } },
    [{ kind: "message", parts: [{ type: "json", json: { type: "resource_link", uri: "file:///x", name: "x" } }] }],
  ],
  [
    "tool_call is a call",
    call({ title: "ls", kind: "execute", rawInput: { command: "ls" } }, "tool_call"),
    [
      {
        kind: "tool_call",
        role: "assistant",
        status: "completed",
        parts: [{ type: "tool_call", callId: "c1", name: "ls", arguments: { command: "ls" } }],
      },
    ],
  ],
  [
    "tool_call_update without its call is a call too (Gemini)",
    call({ status: "failed", title: "ls" }),
    [{ kind: "tool_call", status: "failed", parts: [{ type: "tool_call", callId: "c1", name: "ls" }] }],
  ],
  [
    "plan is a status",
    { sessionUpdate: "plan", entries: [{ content: "x", status: "pending" }] },
    [{ kind: "status", parts: [{ type: "json", json: [{ content: "x", status: "pending" }] }] }],
  ],
  [
    "a plan without entries is kept as it is",
    { sessionUpdate: "plan", steps: 1 },
    [{ kind: "status", parts: [{ type: "json", json: { sessionUpdate: "plan", steps: 1 } }] }],
  ],
  [
    "notice is a status",
    { sessionUpdate: "notice", severity: "warning", title: "Slow", description: "Very" },
    [{ kind: "status", role: "system", parts: [{ type: "status", label: "warning", detail: "Slow: Very" }] }],
  ],
  ["available_commands_update is state", { sessionUpdate: "available_commands_update", availableCommands: [] }, []],
  ["config_option_update is state", { sessionUpdate: "config_option_update", configOptions: [] }, []],
  ["current_mode_update is state", { sessionUpdate: "current_mode_update", currentModeId: "x" }, []],
  ["session_info_update is state", { sessionUpdate: "session_info_update", title: "x" }, []],
  ["usage_update is state", { sessionUpdate: "usage_update", used: 1, size: 2 }, []],
  ...["compaction_update", "plan_removed", "constructor", "__proto__", "toString"].map(
    (kind): (typeof ofUpdate)[number] => [
      `${kind} is unknown and kept whole`,
      { sessionUpdate: kind, any: { deep: 1 } },
      [{ kind: "unknown", parts: [{ type: "json", json: { sessionUpdate: kind, any: { deep: 1 } } }] }],
    ],
  ),
];

describe("every kind of update (D-32)", () => {
  test.each(ofUpdate)("%s", (_sentence, update, items) => {
    expect(turnOf(update)).toMatchObject(items);
    expect(turnOf(update)).toHaveLength(items.length);
  });
});

describe("messages", () => {
  const bodies = (items: readonly Item[]) =>
    items.map(({ kind, role, status, parts, turn }) => ({ kind, role, status, parts, turn }));

  test("the same is said however the chunks are cut (A-18)", () => {
    const voice = fc.constantFrom("agent_message_chunk", "agent_thought_chunk", "user_message_chunk");
    type Unit = "tool" | { readonly voice: string; readonly id: string | undefined; readonly words: string };
    const unit: fc.Arbitrary<Unit> = fc.oneof(
      fc.record({
        voice,
        id: fc.option(fc.constantFrom("m1", "m2"), { nil: undefined }),
        words: fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }),
      }),
      fc.constant("tool" as const),
    );
    type Update = Readonly<Record<string, unknown>>;
    const updatesOf = (units: readonly Unit[], cut: (words: string) => readonly string[]): readonly Update[] =>
      units.flatMap((one, at): readonly Update[] => {
        if (one === "tool") {
          return [call({ toolCallId: `c${at}`, status: "completed", content: content("out") }, "tool_call")];
        }
        const id = one.id ? { messageId: one.id } : {};
        return cut(one.words).map((words) => ({ ...text(words, id), sessionUpdate: one.voice }));
      });
    fc.assert(
      fc.property(
        fc.array(unit, { maxLength: 8 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 8 }),
        (units, cuts) => {
          let next = 0;
          const pieces = (words: string): readonly string[] => {
            const at = cuts[next++ % cuts.length]! % (words.length + 1);
            return next % 3 === 0 ? [...words] : [words.slice(0, at), words.slice(at)];
          };
          expect(bodies(turnOf(...updatesOf(units, pieces)))).toEqual(
            bodies(turnOf(...updatesOf(units, (words) => [words]))),
          );
        },
      ),
    );
  });

  test("a new message id, a thought and a tool each start the next message", () => {
    const items = turnOf(
      thought("hm", { messageId: "1" }),
      text("a", { messageId: "1" }),
      text("b", { messageId: "1" }),
      text("a", { messageId: "2" }),
      call({ title: "ls" }, "tool_call"),
      text("c", { messageId: "2" }),
    );
    expect(items.map(({ parts }) => parts[0])).toMatchObject([
      { text: "hm" },
      { text: "ab" },
      { text: "a" },
      { name: "ls" },
      { text: "c" },
    ]);
  });

  test("what happens beside a turn does not cut its message in two", () => {
    const beside: readonly LooseDraft[] = [
      { type: "harness.notice", data: { kind: "stray_output", text: "x" } },
      { type: "session.updated", data: { update: text("late"), stale: true } },
      said({ sessionUpdate: "usage_update", used: 1, size: 2 }),
      queued("next", second),
    ];
    const items = tell(queued("go"), started(), said(text("one ")), ...beside, said(text("two")), ended());
    expect(items.filter(({ role }) => role === "assistant")).toMatchObject([
      { status: "completed", parts: [{ type: "text", text: "one two" }] },
    ]);
  });
});

describe("tools", () => {
  const resultOf = (items: readonly Item[]) => items.find(({ kind }) => kind === "tool_result");

  test("content text replaces what was read before", () => {
    const items = turnOf(
      call({ title: "ls" }, "tool_call"),
      call({ status: "in_progress", content: content("a") }),
      call({ status: "completed", content: content("ab"), rawOutput: { output: "raw" } }),
    );
    expect(resultOf(items)).toMatchObject({ status: "completed", parts: [{ callId: "c1", output: "ab" }] });
  });

  test("raw output alone is the output", () => {
    const items = turnOf(call({ title: "ls" }, "tool_call"), call({ status: "completed", rawOutput: "raw" }));
    expect(resultOf(items)).toMatchObject({ status: "completed", parts: [{ output: "raw" }] });
  });

  test("terminal output in _meta adds up, and its exit code is kept", () => {
    const items = turnOf(
      call({ title: "ls", content: [{ type: "terminal", terminalId: "t" }] }, "tool_call"),
      call({ _meta: { terminal_output_delta: { data: "a" } } }),
      call({ _meta: { terminal_output_delta: { data: "b" }, terminal_exit: { exit_code: 2 } }, status: "failed" }),
    );
    expect(resultOf(items)).toMatchObject({ status: "failed", parts: [{ output: "ab", exitCode: 2 }] });
  });

  test("output that comes after the end of its call is as ended as the call", () => {
    const events = [call({ title: "ls", status: "completed" }, "tool_call"), call({ rawOutput: "late" })].map((one) =>
      said(one),
    );
    const items = tell(queued("go"), started(), ...events, ended({ outcome: "cancelled" }));
    expect(resultOf(items)).toMatchObject({ status: "completed", parts: [{ output: "late" }] });
  });

  test("later differences take the place of earlier ones, and one file may have several", () => {
    const diff = (path: string, newText: string) => ({ type: "diff", path, oldText: "", newText });
    const [item] = turnOf(
      call({ title: "edit", content: [diff("a", "guess")] }, "tool_call"),
      call({ content: [diff("a", "1"), diff("a", "2"), diff("b", "3")] }),
      call({ status: "completed", content: content("done") }),
    );
    expect(item?.parts.slice(1)).toMatchObject([
      { type: "file_ref", path: "a", diff: { after: "1" } },
      { type: "file_ref", path: "a", diff: { after: "2" } },
      { type: "file_ref", path: "b", diff: { after: "3" } },
    ]);
  });

  test("updates in a stray order end as they would in order", () => {
    const updates = [
      call({ title: "ls", kind: "execute", rawInput: { command: "ls" } }, "tool_call"),
      call({ toolCallId: "c2", title: "cat", content: content("two"), status: "completed" }),
      call({ status: "completed", content: content("one") }),
    ];
    const key = ({ kind, status, parts }: Item) => JSON.stringify([kind, status, parts]);
    const inOrder = turnOf(...updates)
      .map(key)
      .toSorted();
    fc.assert(
      fc.property(fc.shuffledSubarray(updates, { minLength: 3 }), (stray) => {
        expect(
          turnOf(...stray)
            .map(key)
            .toSorted(),
        ).toEqual(inOrder);
      }),
    );
  });

  test("one name in two turns is two calls", () => {
    const once = [said(call({ title: "ls", status: "completed" }, "tool_call")), ended()];
    const again = [queued("b", second), started(second), said(call({ title: "ls" }), second), ended({}, second)];
    const items = tell(queued("a"), started(), ...once, ...again);
    expect(items.filter(({ kind }) => kind === "tool_call").map(({ turn }) => turn)).toEqual([first, second]);
  });
});

describe("turns", () => {
  const exited: LooseDraft = { type: "harness.exited", data: { run: runs[0], code: 137, stderr: {}, expected: false } };

  test("a turn that ends leaves nothing in progress, whatever came in between", () => {
    const items = tell(
      queued("a"),
      started(),
      said(call({ title: "sleep" }, "tool_call")),
      queued("b", second),
      said(text("half")),
      exited,
      ended({ outcome: "failed" }),
    );
    const of = (kind: Item["kind"]) => items.find((item) => item.kind === kind && item.role === "assistant")?.status;
    expect([of("tool_call"), of("message")]).toEqual(["failed", "completed"]);
  });

  test("a prompt is said when its turn starts, not while it waits", () => {
    const items = tell(
      queued("a"),
      started(),
      queued("b", second),
      queued("never", turnIds[2]),
      said(text("to a")),
      ended(),
      ended({ outcome: "cancelled" }, turnIds[2]),
      started(second),
      said(text("to b"), second),
      ended({}, second),
    );
    expect(items.map(({ parts }) => parts[0])).toMatchObject([
      { text: "a" },
      { text: "to a" },
      { text: "b" },
      { text: "to b" },
    ]);
  });

  test("asks, answers and failures are told where they happened", () => {
    const fault = { code: "harness.crashed", detail: "It died." };
    const steered: LooseDraft = {
      type: "turn.steered",
      turn: first,
      data: { prompt: [{ type: "text", text: "tabs" }] },
    };
    const items = tell(
      opened,
      queued("a"),
      started(),
      asked(0),
      answered(0),
      steered,
      ended({ outcome: "failed", fault }),
    );
    expect(items.map(({ kind, parts }) => [kind, parts[0]])).toMatchObject([
      ["system", { label: "session.opened" }],
      ["message", { text: "a" }],
      ["status", { label: "asked", detail: "Ask 0" }],
      ["status", { label: "answered", detail: "selected by person" }],
      ["message", { text: "tabs" }],
      ["status", { label: "failed", detail: "It died." }],
    ]);
  });

  test("items are numbered by where they began and never share an id", () => {
    const items = tell(
      queued("a"),
      started(),
      said(call({ title: "ls", rawOutput: "x" }, "tool_call")),
      said(text("y")),
      ended(),
    );
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
    expect(items.map(({ cursor }) => cursor)).toEqual(items.map(({ cursor }) => cursor).toSorted((a, b) => a - b));
  });
});
