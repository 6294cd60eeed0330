/** Whatever is sent to any route is answered, and never as a surprise. */
import { contract, type Operation } from "@corral/protocol";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type House, openHouse, openSession } from "./house.fixture.ts";

let house: House;
let session: string;

beforeAll(async () => {
  house = await openHouse({ maxBodyBytes: 20_000 });
  session = (await openSession(house, "hello")).id;
});
afterAll(async () => house[Symbol.asyncDispose]());

const operations: readonly Operation[] = Object.values(contract);

/** Stands for the session that the test opens, which is not known when the paths are drawn up. */
const known = "known-session";

const segment = fc.oneof(
  fc.constantFrom("", "..", "%2e%2e", "%", "%00", "%ff", "ses_00000000000000000000000000", "__proto__", "constructor"),
  fc.string({ maxLength: 40 }).map(encodeURIComponent),
);

/** Paths of the contract with their parameters filled by a known session, or by anything. */
const target = fc.constantFrom(...operations).chain(({ path, method }) =>
  fc.record({
    method: fc.oneof(
      { weight: 6, arbitrary: fc.constant(method as string) },
      { weight: 1, arbitrary: fc.constantFrom("GET", "PUT", "DELETE", "OPTIONS", "HEAD", "POST") },
    ),
    path: fc.oneof(fc.constant(path.replace("{session}", known)), fc.constant(path)).chain((one) =>
      fc.array(segment, { minLength: 3, maxLength: 3 }).map((parts) => {
        let at = 0;
        return one.replaceAll(/\{\w+\}/g, () => parts[at++] ?? "").replace(known, session);
      }),
    ),
    query: fc.oneof(
      fc.constant(""),
      fc.webQueryParameters().map((query) => `?${query}`),
      fc.constantFrom("?after=1&limit=2", "?wait=yes", "?limit=-1", "?after=1e3", "?__proto__=1"),
    ),
  }),
);

const body = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.json({ maxDepth: 5 }),
  fc.json().map((json) => json.slice(0, -1)),
  fc
    .record(
      {
        agent: fc.constantFrom<unknown>("talker", 5),
        prompt: fc.jsonValue(),
        policy: fc.jsonValue(),
        title: fc.jsonValue(),
        decision: fc.jsonValue(),
        options: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '{"__proto__":{"a":1}}',
    '{"agent":"talker","options":{"__proto__":{"x":1}}}',
    "[".repeat(19_000),
    '{"prompt":[{"type":"text","text":"\\ud800"}]}',
    "",
  ),
);

const headers = fc.record(
  {
    "content-type": fc.constantFrom(
      "application/json",
      "application/json;charset=utf-8",
      "text/plain",
      ";",
      "application/json;charset=",
    ),
    accept: fc.constantFrom("*/*", "text/html", ";q=", "application/json;q=abc", ",,,"),
    "idempotency-key": fc.stringMatching(/^[\x20-\x7e]{0,220}$/),
    "last-event-id": fc.constantFrom("0", "1", "-1", "99999999999999999999", "abc"),
    origin: fc.constantFrom("null", "http://localhost", "http://", "x"),
    host: fc.constantFrom("localhost", "localhost:1", "a b", "[::1", "user@localhost", ""),
  },
  { requiredKeys: ["content-type"] },
);

test("random requests to every route never end as a surprise", async () => {
  await fc.assert(
    fc.asyncProperty(target, body, headers, async ({ method, path, query }, sent, given) => {
      const hasBody = method !== "GET" && method !== "HEAD";
      const request = new Request(`http://localhost${path}${query}`, {
        method,
        headers: given,
        ...(hasBody ? { body: sent } : {}),
      });
      const response = await house.daemon.fetch(request);
      await response.body?.cancel();
      expect(house.logged).toEqual([]);
      expect(response.status).not.toBe(500);
    }),
    { numRuns: 600, seed: 20261120 },
  );
}, 60_000);
