/** The OpenAPI document says what the contract says, and can be read by itself. */
import { expect, test } from "vitest";
import { contract } from "./contract/index.ts";
import { isFaultCode } from "./fault.ts";
import { type OpenApiOperation, openApi } from "./openapi.ts";

const document = openApi({ version: "1.2.3" });
const text = JSON.stringify(document);
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
const operationOf = (id: string): OpenApiOperation => operations.find(({ operationId }) => operationId === id)!;

test("every operation of the contract is in the document, under its path and method", () => {
  expect(operations.map(({ operationId }) => operationId).sort()).toEqual(Object.keys(contract).sort());
  expect(document.paths["/v1/sessions/{session}/turns"]?.post?.operationId).toBe("startTurn");
});

test("every reference leads to a component", () => {
  const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to!);
  expect(references.length).toBeGreaterThan(50);
  for (const to of references) {
    expect(to).toMatch(/^#\/components\/schemas\/\w+$/);
    expect(document.components.schemas).toHaveProperty(to.slice("#/components/schemas/".length));
  }
});

test("no component is left that nothing refers to", () => {
  for (const name of Object.keys(document.components.schemas)) {
    expect(text, name).toContain(`"$ref":"#/components/schemas/${name}"`);
  }
});

test("flags and numbers of a query have the type that callers think of", () => {
  const types = Object.fromEntries(
    (operationOf("readEvents").parameters ?? []).map(({ name, schema }) => [name, schema.type]),
  );
  expect(types).toEqual({
    session: "string",
    after: "integer",
    limit: "integer",
    waitMs: "integer",
    "Last-Event-ID": "integer",
  });
  const wait = operationOf("startTurn").parameters?.find(({ name }) => name === "wait");
  expect(wait?.schema).toEqual({ type: "boolean" });
});

test("every parameter of a path is declared, and required", () => {
  for (const [path, methods] of Object.entries(document.paths)) {
    const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    for (const { parameters = [] } of Object.values(methods)) {
      const declared = parameters.filter(({ in: place }) => place === "path");
      expect(declared.map(({ name }) => name).sort()).toEqual(wanted.sort());
      expect(declared.every(({ required }) => required)).toBe(true);
    }
  }
});

test("every operation tells its refusals, by codes of the closed list", () => {
  for (const [id, one] of Object.entries(contract)) {
    const told = Object.values(operationOf(id).responses).flatMap(({ description }) =>
      [...description.matchAll(/`([a-z_.]+)`/g)].map(([, code]) => code!),
    );
    expect(told).toEqual(expect.arrayContaining([...one.faults, "auth.required", "internal"]));
    expect(told.every(isFaultCode)).toBe(true);
  }
});

test("events come in three forms, with an example of each stream", () => {
  const content = operationOf("readEvents").responses["200"]?.content ?? {};
  expect(Object.keys(content)).toEqual(["application/json", "text/event-stream", "application/x-ndjson"]);
  expect(content["text/event-stream"]?.example).toMatch(
    /^id: 7\nevent: turn\.updated\ndata: \{.*\}\n\nevent: stream\.end\n/,
  );
});

test("a body is required unless the operation makes do with nothing", () => {
  expect(operationOf("startTurn").requestBody?.required).toBe(true);
  expect(operationOf("forkSession").requestBody?.required).toBe(false);
});

test("what callers give and what they get have two names where they differ", () => {
  const { AskPolicy, AskPolicyInput } = document.components.schemas;
  expect(AskPolicy?.required).toContain("onExpire");
  expect(AskPolicyInput).not.toHaveProperty("required");
});

test("health needs no token, all else does when there is one", () => {
  expect(operations.filter(({ security }) => security?.length === 0).map(({ operationId }) => operationId)).toEqual([
    "readHealth",
  ]);
});
