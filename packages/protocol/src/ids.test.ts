/** Ids: sortable by birth, told apart by kind, parsed once at the door. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type IdKind, idPrefixes, idSchema, isId, makeId } from "./ids.ts";

const kinds = Object.keys(idPrefixes) as IdKind[];
const times = fc.integer({ min: 0, max: 253_402_300_799_999 });
const chance = fc.uint8Array({ minLength: 16, maxLength: 16 });

test("an id parses as its own kind and as no other", () => {
  fc.assert(
    fc.property(fc.constantFrom(...kinds), times, chance, (kind, at, bytes) => {
      const id = makeId(kind, at, bytes);
      expect(idSchema(kind).parse(id)).toBe(id);
      for (const other of kinds) expect(isId(other, id)).toBe(other === kind);
    }),
  );
});

test("ids made later sort later, whatever chance says", () => {
  fc.assert(
    fc.property(times, times, chance, chance, (left, right, one, other) => {
      fc.pre(left !== right);
      expect(makeId("turn", left, one) < makeId("turn", right, other)).toBe(left < right);
    }),
  );
});

test("ids of one moment differ when their chance does", () => {
  const bytes = (last: number) => Uint8Array.from({ length: 16 }, (_, at) => (at === 15 ? last : 7));
  expect(makeId("ask", 1, bytes(1))).not.toBe(makeId("ask", 1, bytes(2)));
});

test.each([
  "",
  "ses_",
  "trn_01k9w3x5v7e8r2t4y6p8a0s1d3",
  "ses_01k9w3x5v7e8r2t4y6p8a0s1d",
  "ses_01k9w3x5v7e8r2t4y6p8a0s1d34",
  "ses_01K9W3X5V7E8R2T4Y6P8A0S1D3",
  "ses_01k9w3x5v7e8r2t4y6p8a0s1dl",
  "ses_01k9w3x5v7e8r2t4y6p8a0s1d3\n",
  " ses_01k9w3x5v7e8r2t4y6p8a0s1d3",
  "ses_../../../../etc/passwd1234",
])("%j is no session id", (text) => {
  expect(isId("session", text)).toBe(false);
  expect(idSchema("session").safeParse(text).success).toBe(false);
});
