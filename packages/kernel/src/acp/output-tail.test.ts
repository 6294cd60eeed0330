/** The end of what a program says, within its limit and whole characters. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createOutputTail } from "./output-tail.ts";

function tailOf(limitBytes: number, ...chunks: readonly Uint8Array[]) {
  const tail = createOutputTail(limitBytes);
  for (const chunk of chunks) tail.add(chunk);
  return tail;
}

test("what fits is told whole", () => {
  expect(tailOf(5, Buffer.from("he"), Buffer.from("llo")).read({ whole: true })).toEqual({
    output: "hello",
    truncated: false,
  });
});

test("what does not fit loses its beginning, between characters", () => {
  expect(tailOf(5, Buffer.from("a☃☃")).read({ whole: true })).toEqual({ output: "☃", truncated: true });
  expect(tailOf(0, Buffer.from("a")).read({ whole: true })).toEqual({ output: "", truncated: true });
});

test("half a character is held back while more may come, and shown as damaged when nothing does", () => {
  const tail = tailOf(9, Buffer.from("a☃").subarray(0, 3));
  expect(tail.read({ whole: false }).output).toBe("a");
  expect(tail.read({ whole: true }).output).toBe("a\ufffd");
});

test("whatever is said in whatever pieces, the tail ends it, fits, and says whether something is left out", () => {
  const pieces = fc.array(fc.string({ unit: "grapheme", maxLength: 20 }), { maxLength: 40 });
  fc.assert(
    fc.property(pieces, fc.nat(60), fc.integer({ min: 1, max: 7 }), (texts, limitBytes, step) => {
      const all = Buffer.from(texts.join(""));
      const tail = createOutputTail(limitBytes);
      for (let at = 0; at < all.length; at += step) tail.add(all.subarray(at, at + step));
      const { output, truncated } = tail.read({ whole: true });
      expect(all.toString().endsWith(output)).toBe(true);
      expect(Buffer.byteLength(output)).toBeLessThanOrEqual(limitBytes);
      expect(truncated).toBe(all.length > limitBytes);
      if (!truncated) expect(output).toBe(all.toString());
      else expect(Buffer.byteLength(output)).toBeGreaterThan(limitBytes - 4);
    }),
  );
});

test("bytes that are not text do not exceed the limit by being decoded", () => {
  const { output, truncated } = tailOf(100, new Uint8Array(90).fill(0xff)).read({ whole: true });
  expect(Buffer.byteLength(output)).toBeLessThanOrEqual(100);
  expect(truncated).toBe(true);
});
