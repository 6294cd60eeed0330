/** The example of a schema fits it. */
import { expect, test } from "vitest";
import { jsonExample } from "./json-example.ts";

test.each([
  [{ const: 7 }, 7],
  [{ enum: ["b", "a"] }, "b"],
  [{ type: ["null", "integer"], minimum: 3 }, 3],
  [{ type: "number", exclusiveMinimum: 3, multipleOf: 5 }, 5],
  [{ type: "number", maximum: 0 }, 0],
  [{ type: "STRING" }, "Scripted value"],
  [{ type: "string", minLength: 16 }, "Scripted value.."],
  [{ type: "string", format: "date" }, "2026-01-01"],
  [{ type: "array", items: { type: "boolean" }, minItems: 2 }, [true, true]],
  [{ anyOf: [{ type: "null" }, { type: "boolean" }] }, true],
  [{ type: "null" }, null],
  [{ allOf: [{ properties: { a: { const: 1 } } }, { properties: { b: { const: 2 } } }] }, { a: 1, b: 2 }],
])("%j is filled with %j", (schema, value) => {
  expect(jsonExample(schema)).toEqual(value);
});

test("references are followed, also in a schema that refers to itself", () => {
  const node = {
    type: "object",
    properties: { name: { type: "string" }, next: { $ref: "#/$defs/node" } },
    required: ["name"],
  };
  const example = jsonExample({ $defs: { node }, type: "object", properties: { list: { $ref: "#/$defs/node" } } });
  expect(example).toMatchObject({ list: { name: "Scripted name", next: { name: "Scripted name" } } });
  expect(JSON.stringify(example).length).toBeLessThan(2_000);
});
