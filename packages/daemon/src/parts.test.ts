/** The small parts of the door: what is wanted, what is wrong, how deep, and what an event is called. */
import { contract, depthOf, openApi } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { chooseForm } from "./accept.ts";
import { readJson } from "./body.ts";
import { docsPage } from "./docs-page.ts";
import { pageText, stepBytes, typeOf } from "./encode.ts";
import { pathText, shapeIssues } from "./issues.ts";
import { hostName, isLoopback } from "./origin.ts";
import { webCall } from "./web-call.ts";

describe("the wanted form", () => {
  const offered = { json: "application/json", sse: "text/event-stream", ndjson: "application/x-ndjson" };

  test.each([
    [null, "json"],
    ["", "json"],
    ["text/event-stream, */*", "sse"],
    ["*/*, text/event-stream;q=0.9", "json"],
    ["text/event-stream, application/json", "sse"],
    ["application/json, text/event-stream", "json"],
    ["application/*;q=0.5, text/event-stream;q=0.4", "json"],
    ["APPLICATION/X-NDJSON", "ndjson"],
    ["text/event-stream;q=0", undefined],
    ["text/html", undefined],
    ["application/json;q=0, application/*", "ndjson"],
  ])("of %j is %s", (accept, form) => {
    expect(chooseForm(accept, offered)).toBe(form);
  });
});

describe("an issue", () => {
  test("is found in the branch of a union that understood most (AR-07)", () => {
    const { error } = contract.startTurn.body.safeParse({ prompt: [{ type: "text", text: "a" }, { type: "image" }] });
    expect(shapeIssues("body", error!).map(({ path }) => path)).toEqual(["prompt[1].data", "prompt[1].mimeType"]);
  });

  test("tells all branches of a union when none understood anything", () => {
    const { error } = contract.answerAsk.body.safeParse({});
    const [issue] = shapeIssues("body", error!);
    expect(issue).toMatchObject({ path: "" });
    expect(issue?.message).toMatch(/decision: .*; or option: .*; or content: /);
  });

  test("spells odd names in quotes", () => {
    expect(pathText(["a", 0, "b", "c-d", "e"])).toBe('a[0].b["c-d"].e');
  });
});

test("the depth of a JSON text is that of its brackets, not of its strings", () => {
  expect(depthOf("1")).toBe(0);
  expect(depthOf('[{"a":[1]},[]]')).toBe(3);
  expect(depthOf(String.raw`["[[[[", "\"[[[", "\\", {"{": "]"}]`)).toBe(2);
});

test("a body that is longer than it says is refused all the same", async () => {
  const lie = (length: string) => {
    const headers = { "content-type": "application/json", "content-length": length };
    return readJson(
      webCall(new Request("http://localhost/", { method: "POST", headers, body: `"${"x".repeat(200)}"` })),
      100,
    );
  };
  for (const length of ["1", "-5", "abc"])
    await expect(lie(length), length).rejects.toMatchObject({ code: "request.too_large" });
});

describe("an event's type", () => {
  test("is read without parsing, and is not taken from its content", () => {
    const envelope = { id: "ses_a.1", native: '"type":"fake"', type: "turn.updated" };
    expect(typeOf(JSON.stringify({ ...envelope, data: { type: "text" } }))).toBe("turn.updated");
    expect(typeOf(JSON.stringify({ data: { type: "text", data: {} }, ...envelope }))).toBe("turn.updated");
  });
});

test("a chunk is encoded once for all who are told", () => {
  const chunk = { kind: "chunk", entries: [{ cursor: 1, text: '{"type":"a","data":{}}' }] } as const;
  expect(stepBytes(chunk, "sse")).toBe(stepBytes(chunk, "sse"));
  expect(String(stepBytes(chunk, "sse"))).toBe('id: 1\nevent: a\ndata: {"type":"a","data":{}}\n\n');
  expect(String(stepBytes(chunk, "ndjson"))).toBe('{"type":"a","data":{}}\n');
});

test("a page is put together from stored texts", () => {
  expect(pageText({ items: [], first: 1, last: 0 })).toBe('{"items":[],"first":1,"last":0}');
  const items = [1, 2].map((cursor) => ({ cursor, text: `{"cursor":${cursor}}` }));
  expect(JSON.parse(pageText({ items, first: 1, last: 5 }))).toEqual({
    items: [{ cursor: 1 }, { cursor: 2 }],
    next: "2",
    first: 1,
    last: 5,
  });
  expect(pageText({ items, first: 1, last: 2 })).not.toContain("next");
});

test("loopback is what it is called and what it is numbered", () => {
  for (const host of ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"]) expect(isLoopback(host), host).toBe(true);
  for (const host of ["0.0.0.0", "::", "", "localhost.example.org", "10.0.0.1", "a@localhost"])
    expect(isLoopback(host), host).toBe(false);
  expect(hostName("EXAMPLE.org:8080")).toBe("example.org");
});

test("the page for people needs nothing from elsewhere and names every operation and shape", () => {
  const document = openApi({ version: "1.2.3" });
  const page = docsPage(document);
  expect(page).not.toMatch(/<script|src=|https?:\/\/(?!127\.0\.0\.1)/);
  const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, to]) => to);
  for (const to of links) expect(page).toContain(`id="${to}"`);
  for (const name of [
    ...Object.keys(contract),
    ...Object.keys(document.components.schemas).map((one) => `schema-${one}`),
  ]) {
    expect(page).toContain(`id="${name}"`);
  }
});
