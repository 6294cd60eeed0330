/** The envelope of events and what each kind carries. */
import { expect, test } from "vitest";
import { type EventType, eventBodies, eventId, eventSchema } from "./event.ts";
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
  session,
  started,
  text,
  turnIds,
} from "./events.fixture.ts";

const stderr = { head: ["first"], tail: ["last"], totalLines: 90, truncated: true };
const prompt = [{ type: "text", text: "tabs" }];

/** One of each kind, in an order in which they could have happened. */
const everyKind: readonly LooseDraft[] = [
  opened,
  { type: "session.configured", source: "person", data: { model: "m" } },
  { type: "session.renamed", source: "agent", data: { title: "T", by: "agent" } },
  queued("go"),
  started(),
  { type: "harness.installed", data: { version: "1.2.3", ms: 900 } },
  { type: "harness.started", data: { run: runs[0], how: "new", native: "n" } },
  said({ ...text("hi"), _meta: { vendor: 1 }, unheard: true }),
  asked(0),
  answered(0),
  { type: "turn.steered", turn: turnIds[0]!, source: "person", data: { prompt } },
  { type: "harness.stalled", data: { run: runs[0], silentMs: 60_000 } },
  { type: "harness.notice", data: { kind: "stray_output", text: "Debugger attached." } },
  { type: "harness.exited", data: { run: runs[0], code: 137, stderr, expected: false } },
  { type: "run.residue", data: { run: runs[0], processes: [], ports: [], sockets: [], directories: [] } },
  {
    ...said({ sessionUpdate: "tool_call_update", toolCallId: "c", status: "failed" }),
    synthetic: true,
    source: "daemon",
  },
  ended({ outcome: "failed", fault: { code: "harness.crashed", detail: "It died." } }),
  { type: "session.updated", source: "agent", data: { update: text("late"), stale: true } },
  { type: "session.closed", source: "person", data: { reason: "person" } },
];
const events = logOf(everyKind);
const parse = (event: unknown) => eventSchema.safeParse(event);

test("an event has an id, a cursor from one, a time, a session and a source (D-30)", () => {
  expect(events.map(({ cursor }) => cursor)).toEqual(everyKind.map((_, at) => at + 1));
  for (const event of events) {
    expect(parse(event).error).toBeUndefined();
    expect(event.id).toBe(eventId(session, event.cursor));
    for (const name of ["id", "cursor", "session", "at", "source", "type", "data"]) {
      expect(parse({ ...event, [name]: undefined }).success).toBe(false);
    }
  }
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
});

test.each([
  { cursor: 0 },
  { cursor: 1.5 },
  { at: "yesterday" },
  { source: "nobody" },
  { session: "trn_1" },
  { type: "x" },
])("an envelope with %j is refused (D-30)", (wrong) => {
  expect(parse({ ...events[0], ...wrong }).success).toBe(false);
});

test("every kind of event is there once in its place (D-31)", () => {
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(Object.keys(eventBodies) as EventType[]));
});

test("what a harness said is kept verbatim, whatever it put in (D-31)", () => {
  const said = events.find(({ type }) => type === "turn.updated")!;
  expect(parse(said).data).toEqual(said);
});

test("the end of a harness carries its code and both ends of its stderr (D-31)", () => {
  const exited = events.find(({ type }) => type === "harness.exited")!;
  expect(parse(exited).data).toMatchObject({ data: { code: 137, expected: false, stderr } });
});

test("an event that the daemon made in place of a harness says so (D-33)", () => {
  const made = events.filter(({ synthetic }) => synthetic);
  expect(made).toMatchObject([{ type: "turn.updated", source: "daemon", synthetic: true }]);
  expect(parse({ ...made[0], synthetic: false }).success).toBe(false);
});
