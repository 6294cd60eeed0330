/** The table of faults and their way over the wire and back. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Fault, type FaultCode, faults, isFault, isFaultCode } from "./fault.ts";
import { fromProblem, problemSchema, toProblem } from "./problem.ts";

const codes = Object.keys(faults) as FaultCode[];
/** Names that a problem document uses itself; a fault's facts are called otherwise. */
const taken = new Set(["type", "title", "status", "detail", "help", "code", "retry", "instance"]);

test.each(codes)("%s has a status of an error, says when to try again, and reads like a sentence", (code) => {
  const { status, retry, title } = faults[code];
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(600);
  expect(["never", "later", "now"]).toContain(retry);
  expect(title).toMatch(/^[A-Z].*[^.]$/);
  expect(new Fault(code, { detail: "why" })).toMatchObject({ status, retry, name: "Fault", message: "why" });
});

test("a fault is the same fault on the other side of the wire", () => {
  const more = fc.option(
    fc.dictionary(
      fc.string({ minLength: 1 }).filter((name) => !taken.has(name) && name !== "__proto__"),
      fc.jsonValue(),
      { minKeys: 1 },
    ),
    { nil: undefined },
  );
  const help = fc.option(fc.string({ minLength: 1 }), { nil: undefined });
  fc.assert(
    fc.property(fc.constantFrom(...codes), fc.string(), help, more, (code, detail, helping, facts) => {
      const told = { detail, ...(helping ? { help: helping } : {}), ...(facts ? { more: facts } : {}) };
      const fault = new Fault(code, told);
      const wire = JSON.parse(JSON.stringify(toProblem(fault)));
      expect(problemSchema.parse(wire)).toEqual(wire);
      expect(fromProblem(fault.status, wire).toRecord()).toEqual(JSON.parse(JSON.stringify(fault.toRecord())));
    }),
  );
});

test("a problem names its occurrence, and its facts never hide what it is", () => {
  const problem = toProblem(
    new Fault("ask.missing", { detail: "why", more: { status: 7, code: "x", at: 1 } }),
    "occ_1",
  );
  expect(problem).toMatchObject({ status: 404, code: "ask.missing", at: 1, instance: "occ_1" });
});

test("a refusal that a newer daemon gives keeps its own words", () => {
  const wire = {
    type: "urn:corral:fault:session.asleep",
    title: "The session sleeps",
    status: 409,
    code: "session.asleep",
    retry: "later",
    detail: "It was put to bed at nine.",
    help: "Wake it.",
  };
  expect(fromProblem(409, wire).toRecord()).toEqual({
    code: "request.invalid",
    detail: "It was put to bed at nine.",
    help: "Wake it.",
    more: { code: "session.asleep", status: 409 },
  });
});

test.each([
  [502, "<html>Bad gateway</html>", "daemon.unreachable"],
  [503, undefined, "daemon.unreachable"],
  [302, "", "daemon.unreachable"],
  [404, { message: "Not found" }, "request.invalid"],
  [400, { code: "session.missing" }, "request.invalid"],
] as const)("an answer %i that is none of ours becomes a fault that says so", (status, body, code) => {
  const fault = fromProblem(status, body);
  expect(fault.code).toBe(code);
  expect(fault.message).toContain(String(status));
});

test("codes are only those of the table, not what every object answers to", () => {
  expect(isFaultCode("session.missing")).toBe(true);
  for (const name of ["toString", "constructor", "__proto__", ""]) expect(isFaultCode(name)).toBe(false);
  const fault = new Fault("turn.lost", { detail: "why", cause: new Error("deep") });
  expect(isFault(fault)).toBe(true);
  expect(isFault(fault, "turn.lost")).toBe(true);
  expect(isFault(fault, "turn.ended")).toBe(false);
  expect(isFault(new Error("turn.lost"))).toBe(false);
  expect(JSON.stringify(fault.toRecord())).not.toContain("deep");
});
