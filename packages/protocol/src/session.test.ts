/** The table of what each phase allows, spelled out row by row so that a change of it is seen. */
import { expect, test } from "vitest";
import { allows, type Phase, type SessionVerb, sessionAllows } from "./session.ts";

const table: Readonly<Record<SessionVerb, Readonly<Record<Phase, boolean>>>> = {
  prompt: { idle: true, running: true, waiting: true, closed: false },
  steer: { idle: false, running: true, waiting: true, closed: false },
  answer: { idle: true, running: true, waiting: true, closed: false },
  cancel: { idle: false, running: true, waiting: true, closed: false },
  configure: { idle: true, running: true, waiting: true, closed: false },
  fork: { idle: true, running: true, waiting: true, closed: true },
  rename: { idle: true, running: true, waiting: true, closed: true },
  close: { idle: true, running: true, waiting: true, closed: true },
};

const cells = Object.entries(table).flatMap(([verb, row]) =>
  Object.entries(row).map(([phase, allowed]) => [phase, allowed ? "allows" : "refuses", verb, allowed] as const),
);

test.each(cells)("a session that is %s %s to %s", (phase, _word, verb, allowed) => {
  expect(allows(phase as Phase, verb as SessionVerb)).toBe(allowed);
});

test("the table speaks of every verb", () => {
  expect(Object.keys(table).toSorted()).toEqual(Object.keys(sessionAllows).toSorted());
});
