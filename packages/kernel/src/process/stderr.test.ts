/** What is kept of stderr, and how it is cut. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { codePointCut, createLineRing, createStderrFile, fileBytes, lineBytes } from "./stderr.ts";

const ringOf = (text: string, chunkBytes = 7) => {
  const ring = createLineRing();
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunkBytes) ring.add(bytes.subarray(at, at + chunkBytes));
  return ring.read();
};
const numbered = (count: number) => Array.from({ length: count }, (_, n) => `line ${n}`);

describe("the ring", () => {
  test("few lines are all kept, the unfinished last one too", () => {
    const lines = ["one", "", "three"];
    expect(ringOf("one\r\n\nthree")).toEqual({ head: lines, tail: lines, totalLines: 3, truncated: false });
    expect(ringOf("")).toEqual({ head: [], tail: [], totalLines: 0, truncated: false });
  });

  test("of many lines the first 20 and the last 50 are kept, and all are counted", () => {
    const lines = numbered(1234);
    const kept = ringOf(`${lines.join("\n")}\n`);
    expect(kept).toEqual({ head: lines.slice(0, 20), tail: lines.slice(-50), totalLines: 1234, truncated: true });
    expect(ringOf(numbered(70).join("\n")).truncated).toBe(false);
    expect(ringOf(numbered(71).join("\n")).truncated).toBe(true);
  });

  test("a long line is cut at 4 KiB, never inside a code point", () => {
    const { tail, truncated, totalLines } = ringOf(`x${"€".repeat(5000)}\nshort\n`, 1000);
    expect([tail[1], truncated, totalLines]).toEqual(["short", true, 2]);
    expect(tail[0]).toBe(`x${"€".repeat(Math.floor((lineBytes - 1) / 3))}`);
    expect(ringOf("y".repeat(lineBytes)).truncated).toBe(false);
    expect(ringOf(`${"y".repeat(lineBytes)}\r\n`).truncated).toBe(false);
  });

  test("a cut falls before the code point that does not fit", () => {
    const bytes = Buffer.from("a😀b");
    expect([1, 2, 3, 4, 5, 6, 9].map((limit) => codePointCut(bytes, limit))).toEqual([1, 1, 1, 1, 5, 6, 6]);
  });
});

describe("the file", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corral-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("a second child of the run writes on, and a full file says once that it is full", () => {
    const path = join(folder, "run", "stderr.log");
    for (const letter of ["a", "b", "c", "d"]) {
      const file = createStderrFile(path);
      for (let n = 0; n < 40; n++) file.add(Buffer.alloc(10_000, letter));
      file.close();
      file.add(Buffer.from("after the end"));
    }
    const text = readFileSync(path, "utf8");
    expect(statSync(path).size).toBe(fileBytes);
    expect([text[0], text[400_000], text[800_000]]).toEqual(["a", "b", "c"]);
    expect(text.match(/not kept/g)).toHaveLength(1);
  });

  test("a program that says nothing on stderr has no file", () => {
    const file = createStderrFile(join(folder, "run", "stderr.log"));
    file.add(Buffer.alloc(0));
    file.close();
    expect(() => statSync(join(folder, "run"))).toThrow();
  });

  test("a file that cannot be written is done without", () => {
    chmodSync(folder, 0o700);
    const file = createStderrFile(join(folder, "run\0", "stderr.log"));
    file.add(Buffer.from("text"));
    file.close();
  });
});
