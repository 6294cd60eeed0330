/** The state of a session, event by event: events in, state out. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type EventType, eventBodies, type SessionEvent } from "./event.ts";
import {
  answered,
  asked,
  askIds,
  ended,
  type LooseDraft,
  logOf,
  opened,
  queued,
  runs,
  said,
  session,
  started,
  text,
  timeAt,
  turnIds,
} from "./events.fixture.ts";
import { fold, foldAll } from "./fold.ts";
import { type Session, sessionSchema } from "./session.ts";

const [first, second] = [turnIds[0]!, turnIds[1]!];
const state = (...drafts: readonly LooseDraft[]): Session => foldAll(logOf([opened, ...drafts]))!;

const harness = (more = {}): LooseDraft => ({
  type: "harness.started",
  data: { run: runs[0], how: "new", native: "n-1", pid: 7, can: ["steer"], ...more },
});
const exited = (run = runs[0]): LooseDraft => ({
  type: "harness.exited",
  data: { run, code: 0, stderr: { head: [], tail: [], totalLines: 0, truncated: false }, expected: true },
});
const closed: LooseDraft = { type: "session.closed", data: { reason: "person" } };

interface Row {
  readonly sentence: string;
  readonly after: readonly LooseDraft[];
  readonly is: Partial<Session>;
}

const rows: { readonly [Type in EventType]: readonly Row[] } = {
  "session.opened": [
    {
      sentence: "opens an idle session without turns, asks, usage or secrets",
      after: [],
      is: {
        id: session,
        phase: "idle",
        turns: 0,
        queue: [],
        asks: [],
        usage: {},
        labels: {},
        secretNames: [],
        cursor: 1,
      },
    },
  ],
  "session.configured": [
    {
      sentence: "changes what it names and leaves the rest",
      after: [
        { type: "session.configured", data: { model: "m", mode: "plan" } },
        { type: "session.configured", data: { mode: "build", labels: { a: "b" }, secretNames: ["KEY"] } },
      ],
      is: { model: "m", mode: "build", labels: { a: "b" }, secretNames: ["KEY"] },
    },
  ],
  "session.renamed": [
    {
      sentence: "renames",
      after: [{ type: "session.renamed", data: { title: "T", by: "person" } }],
      is: { title: "T" },
    },
  ],
  "session.updated": [
    {
      sentence: "takes news of settings",
      after: [
        { type: "session.updated", data: { update: { sessionUpdate: "current_mode_update", currentModeId: "plan" } } },
      ],
      is: { mode: "plan" },
    },
    {
      sentence: "takes nothing from a harness that speaks too late",
      after: [
        {
          type: "session.updated",
          data: { update: { sessionUpdate: "current_mode_update", currentModeId: "plan" }, stale: true },
        },
      ],
      is: { phase: "idle" },
    },
  ],
  "session.closed": [
    {
      sentence: "empties the queue and drops every ask",
      after: [queued("a"), started(), queued("b", second), asked(0), ended({ outcome: "cancelled" }), closed],
      is: { phase: "closed", queue: [], asks: [], turns: 1 },
    },
    { sentence: "is for good", after: [closed, queued("x"), started()], is: { phase: "closed" } },
  ],
  "harness.started": [
    {
      sentence: "says what runs and what the harness calls the session",
      after: [harness({ configOptions: [{ id: "model" }] })],
      is: {
        native: "n-1",
        harness: { run: runs[0]!, how: "new", pid: 7, can: ["steer"] },
        configOptions: [{ id: "model" }],
      },
    },
    {
      sentence: "without options keeps those that were known",
      after: [harness({ configOptions: [{ id: "model" }] }), harness({ run: runs[1], can: undefined })],
      is: { harness: { run: runs[1]!, how: "new", pid: 7, can: [] }, configOptions: [{ id: "model" }] },
    },
  ],
  "harness.exited": [
    {
      sentence: "takes the process away and keeps the harness's own name",
      after: [harness(), exited()],
      is: { native: "n-1" },
    },
    {
      sentence: "of an earlier run says nothing of the present one",
      after: [harness(), harness({ run: runs[1] }), exited()],
      is: { harness: { run: runs[1]!, how: "new", pid: 7, can: ["steer"] } },
    },
  ],
  "harness.stalled": [
    {
      sentence: "changes nothing",
      after: [queued("a"), started(), { type: "harness.stalled", data: { run: runs[0], silentMs: 9 } }],
      is: { phase: "running" },
    },
  ],
  "harness.installed": [
    {
      sentence: "changes nothing",
      after: [{ type: "harness.installed", data: { version: "1.2.3", ms: 900 } }],
      is: { phase: "idle", cursor: 2 },
    },
  ],
  "harness.notice": [
    {
      sentence: "changes nothing",
      after: [{ type: "harness.notice", data: { kind: "stray_output", text: "x" } }],
      is: { phase: "idle", cursor: 2 },
    },
  ],
  "turn.queued": [
    {
      sentence: "waits in order, with its place in the log",
      after: [queued("a"), queued("b", second)],
      is: {
        phase: "idle",
        queue: [
          { id: first, queuedAt: timeAt(2), cursor: 2 },
          { id: second, queuedAt: timeAt(3), cursor: 3 },
        ],
      },
    },
  ],
  "turn.started": [
    {
      sentence: "leaves the queue and runs",
      after: [queued("a"), queued("b", second), started()],
      is: {
        phase: "running",
        turn: { id: first, startedAt: timeAt(4), cursor: 2 },
        queue: [{ id: second, queuedAt: timeAt(3), cursor: 3 }],
      },
    },
  ],
  "turn.updated": [
    {
      sentence: "with talk changes nothing",
      after: [queued("a"), started(), said(text("x"))],
      is: { phase: "running" },
    },
    {
      sentence: "tells commands, options, the mode, the title and the context",
      after: [
        said({ sessionUpdate: "available_commands_update", availableCommands: [{ name: "plan" }] }),
        said({ sessionUpdate: "config_option_update", configOptions: [{ id: "mode" }] }),
        said({ sessionUpdate: "current_mode_update", currentModeId: "build" }),
        said({ sessionUpdate: "session_info_update", title: "Named by the agent" }),
        said({ sessionUpdate: "usage_update", used: 5, size: 10, cost: null }),
      ],
      is: {
        commands: [{ name: "plan" }],
        configOptions: [{ id: "mode" }],
        mode: "build",
        title: "Named by the agent",
        context: { used: 5, size: 10 },
      },
    },
    {
      sentence: "with lists that are not all objects takes the objects",
      after: [
        said({ sessionUpdate: "available_commands_update", availableCommands: [{ name: "a" }, "a text", null, []] }),
        said({ sessionUpdate: "config_option_update", configOptions: ["x", { id: "mode" }] }),
      ],
      is: { commands: [{ name: "a" }], configOptions: [{ id: "mode" }] },
    },
    {
      sentence: "does not take back a title that was given",
      after: [
        { type: "session.renamed", data: { title: "Mine", by: "person" } },
        said({ sessionUpdate: "session_info_update", title: "Theirs" }),
      ],
      is: { title: "Mine" },
    },
    {
      sentence: "in a shape that nobody knows changes nothing",
      after: [
        said({ sessionUpdate: "usage_update", used: "5" }),
        said({ sessionUpdate: "current_mode_update", currentModeId: null }),
        said({ sessionUpdate: "config_option_update" }),
        said({ sessionUpdate: "session_info_update", title: null }),
        said({ sessionUpdate: "available_commands_update", availableCommands: "all" }),
      ],
      is: { phase: "idle", cursor: 6 },
    },
  ],
  "turn.steered": [
    {
      sentence: "changes nothing",
      after: [queued("a"), started(), { type: "turn.steered", turn: first, data: { prompt: [] } }],
      is: { phase: "running" },
    },
  ],
  "turn.asked": [
    { sentence: "makes the session wait", after: [queued("a"), started(), asked(0)], is: { phase: "waiting" } },
  ],
  "turn.answered": [
    {
      sentence: "lets the session run when it was the last open ask",
      after: [queued("a"), started(), asked(0), asked(1), answered(0), answered(1)],
      is: { phase: "running", asks: [] },
    },
    {
      sentence: "leaves the other asks open",
      after: [queued("a"), started(), asked(0), asked(1), answered(0)],
      is: { phase: "waiting" },
    },
    {
      sentence: "as parked keeps the ask beyond its turn",
      after: [queued("a"), started(), asked(0), asked(1), answered(0, "parked"), ended({ outcome: "paused" })],
      is: { phase: "idle", asks: [expect.objectContaining({ id: askIds[0], state: "parked" })] as never },
    },
    {
      sentence: "late settles a parked ask",
      after: [
        queued("a"),
        started(),
        asked(0),
        answered(0, "parked"),
        ended({ outcome: "paused" }),
        answered(0, "accepted"),
      ],
      is: { asks: [] },
    },
  ],
  "turn.ended": [
    {
      sentence: "counts the turn once, keeps its end and frees the session",
      after: [queued("a"), started(), asked(0), ended({ stopReason: "end_turn", usage: { inputTokens: 2 } })],
      is: {
        phase: "idle",
        turns: 1,
        asks: [],
        usage: { inputTokens: 2 },
        lastTurn: { id: first, endedAt: timeAt(5), outcome: "completed", stopReason: "end_turn" },
      },
    },
    {
      sentence: "ends a turn in the queue and leaves the running one",
      after: [queued("a"), started(), queued("b", second), ended({ outcome: "cancelled" }, second)],
      is: { phase: "running", queue: [], turns: 1 },
    },
  ],
  "run.residue": [
    {
      sentence: "changes nothing",
      after: [{ type: "run.residue", data: { run: runs[0], processes: [], ports: [], sockets: [], directories: [] } }],
      is: { phase: "idle" },
    },
  ],
};

describe.each(Object.keys(eventBodies) as EventType[])("%s", (type) => {
  test.each(rows[type])("$sentence", ({ after, is }) => {
    const folded = state(...after);
    expect(folded).toMatchObject(is);
    expect(sessionSchema.safeParse(folded).error).toBeUndefined();
  });
});

test("usage is the sum of what ended turns report, and of nothing else", () => {
  const reported = said({ sessionUpdate: "usage_update", used: 1000, size: 2000, usage: { inputTokens: 99 } });
  const turn = (id = first) => [queued("a", id), started(id), reported, ended({ usage: { inputTokens: 2 } }, id)];
  expect(state(...turn(), ...turn(second)).usage).toEqual({ inputTokens: 4 });
});

test.each(["constructor", "toString", "valueOf", "__proto__", "hasOwnProperty", "__defineGetter__"])(
  "an update whose kind is %j is content like any other",
  (kind) => {
    const before = state(queued("a"), started());
    const after = state(queued("a"), started(), said({ sessionUpdate: kind, phase: "closed", agent: "mine" }));
    expect({ ...after, cursor: 0, updatedAt: "" }).toEqual({ ...before, cursor: 0, updatedAt: "" });
  },
);

test("kinds of events that this release does not know move the cursor and nothing else", () => {
  const before = state(queued("a"));
  for (const type of ["session.painted", "constructor", "toString"]) {
    const [, , after] = logOf([opened, queued("a"), { type, data: { phase: "closed" } }]);
    expect(fold(before, after!)).toEqual({ ...before, cursor: 3, updatedAt: timeAt(3) });
  }
});

test("fields that this release does not know do not get in the way", () => {
  const strange = { colour: "red", nested: { deep: [1] } };
  const drafts = [opened, harness(), queued("a"), started(), asked(0), answered(0), ended()];
  const plain = foldAll(logOf(drafts))!;
  const coloured = foldAll(
    logOf(drafts.map((draft) => ({ ...draft, ...strange, data: { ...(draft.data as object), ...strange } }))),
  )!;
  expect(coloured).toMatchObject(plain);
});

test("a log that does not begin with its opening is refused", () => {
  expect(() => fold(undefined, logOf([queued("a")])[0]!)).toThrow("starts with session.opened");
});

const anyDraft = fc.oneof(
  fc.constantFrom<LooseDraft>(
    harness(),
    harness({ run: runs[1], configOptions: [] }),
    exited(),
    exited(runs[1]),
    closed,
    said(text("x")),
    said({ sessionUpdate: "usage_update", used: 1, size: 2 }),
    said({ sessionUpdate: "session_info_update", title: "T" }),
    { type: "session.configured", data: { mode: "m" } },
    { type: "session.renamed", data: { title: "R", by: "agent" } },
    { type: "future.event", data: { any: [1, null] } },
  ),
  fc
    .tuple(
      fc.integer({ min: 0, max: 4 }),
      fc.integer({ min: 0, max: 8 }),
      fc.constantFrom("completed", "paused", "lost"),
    )
    .chain(([at, ask, outcome]) => {
      const turn = turnIds[at]!;
      const counted = { outcome, usage: { inputTokens: 1, outputTokens: at } };
      return fc.constantFrom<LooseDraft>(
        queued("a", turn),
        started(turn),
        asked(ask, turn),
        answered(ask, "selected", turn),
        answered(ask, "parked", turn),
        ended(counted, turn),
      );
    }),
);
const anyLog = fc.array(anyDraft, { maxLength: 40 }).map((drafts) => logOf([opened, ...drafts]));

test("folding from a snapshot and the rest is folding everything, whatever happened", () => {
  fc.assert(
    fc.property(anyLog, fc.nat(), (events: readonly SessionEvent[], at) => {
      const cut = 1 + (at % events.length);
      const snapshot = JSON.parse(JSON.stringify(foldAll(events.slice(0, cut)))) as Session;
      expect(foldAll(events.slice(cut), snapshot)).toStrictEqual(foldAll(events));
    }),
  );
});

test("any state and its JSON are the same thing, and what the schema says a session is", () => {
  fc.assert(
    fc.property(anyLog, (events) => {
      const folded = foldAll(events)!;
      expect(JSON.parse(JSON.stringify(folded))).toStrictEqual(folded);
      expect(sessionSchema.parse(folded)).toEqual(folded);
    }),
  );
});

test("folding changes no state that it was given", () => {
  fc.assert(
    fc.property(anyLog, (events) => {
      let folded: Session | undefined;
      for (const event of events) {
        const before = JSON.stringify(folded);
        const next = fold(folded, event);
        expect(JSON.stringify(folded)).toBe(before);
        folded = next;
      }
    }),
  );
});

test("a session waits exactly while a turn runs with an open ask (phases)", () => {
  fc.assert(
    fc.property(anyLog, (events) => {
      const { phase, turn, asks } = foldAll(events)!;
      if (phase === "closed") return;
      const open = asks.some((ask) => ask.state === "open");
      expect(phase).toBe(turn ? (open ? "waiting" : "running") : "idle");
    }),
  );
});
