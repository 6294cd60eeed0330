/** Lines out of bytes, however the pipe cuts them. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createLines } from "./lines.ts";

const cutAt = (bytes: Buffer, cuts: readonly number[]): readonly Buffer[] => {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, at) => bytes.subarray(places[at], end));
};

function linesOf(chunks: readonly Buffer[], maxBytes = 1000): readonly (string | number)[] {
  const lines = createLines(maxBytes);
  const all = chunks.flatMap((chunk) => [...lines.push(chunk)]);
  const rest = lines.end();
  return [...all, ...(rest ? [rest] : [])].map((line) =>
    Buffer.isBuffer(line) ? line.toString("utf8") : line.oversizedBytes,
  );
}

const words = fc.string({ unit: "grapheme", maxLength: 40 }).map((text) => text.replaceAll("\n", ""));
const cuts = fc.array(fc.nat(), { maxLength: 20 });

test("lines are the same wherever the bytes are cut, inside a character too", () => {
  fc.assert(
    fc.property(fc.array(words, { maxLength: 10 }), cuts, (texts, places) => {
      const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(""));
      expect(linesOf(cutAt(bytes, places))).toEqual(texts);
    }),
    { numRuns: 500 },
  );
});

test("a line longer than the bound is left out and its size said, and those around it are whole", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 30 }), { maxLength: 10 }), cuts, (sizes, places) => {
      const bytes = Buffer.from(sizes.map((size) => `${"x".repeat(size)}\n`).join(""));
      expect(linesOf(cutAt(bytes, places), 12)).toEqual(sizes.map((size) => (size > 12 ? size : "x".repeat(size))));
    }),
    { numRuns: 500 },
  );
});

test("what stands behind the last newline is the last line, also when it is too long", () => {
  expect(linesOf([Buffer.from("a\nb")])).toEqual(["a", "b"]);
  expect(linesOf([Buffer.from("a\n")])).toEqual(["a"]);
  expect(linesOf([])).toEqual([]);
  expect(linesOf([Buffer.from("a\n"), Buffer.from("x".repeat(8)), Buffer.from("x".repeat(8))], 10)).toEqual(["a", 16]);
});

test("a line without end holds no more memory than the bound", () => {
  const lines = createLines(1024 * 1024);
  const chunk = Buffer.alloc(256 * 1024, "x");
  const before = process.memoryUsage();
  for (let at = 0; at < 400; at++) expect([...lines.push(Buffer.from(chunk))]).toEqual([]);
  expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 1024 * 1024);
  expect(
    [...lines.push(Buffer.from("\nnext\n"))].map((line) => (Buffer.isBuffer(line) ? line.toString() : line)),
  ).toEqual([{ oversizedBytes: 400 * 256 * 1024 }, "next"]);
});
