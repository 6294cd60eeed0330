/** What a harness that lost its history is told: bounded, whole messages, whole code points. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { cutText, type Item, retellTranscript } from "./transcript.ts";

const bytes = (text: string): number => new TextEncoder().encode(text).length;
const faces = fc.constantFrom("👩‍👩‍👧‍👦", "🏳️‍🌈", "é", "ß", "日本", "a", " ", "\uFEFF", "🇩🇪", "\u{10FFFF}", "\n");
const emoji = fc.array(faces, { maxLength: 40 }).map((some) => some.join(""));

const message = (text: string, role: Item["role"] = "assistant"): Item => ({
  id: "i",
  cursor: 1,
  kind: "message",
  role,
  status: "completed",
  parts: [{ type: "text", text }],
});

test("a text is cut to its bytes, from the front, between code points (AR-19)", () => {
  fc.assert(
    fc.property(emoji, fc.integer({ min: -2, max: 200 }), (text, max) => {
      const cut = cutText(text, max);
      expect(text.startsWith(cut)).toBe(true);
      expect(cut.isWellFormed()).toBe(true);
      expect(bytes(cut)).toBeLessThanOrEqual(Math.max(0, max));
      const nextPoint = [...text.slice(cut.length)][0];
      if (nextPoint !== undefined) expect(bytes(cut) + bytes(nextPoint)).toBeGreaterThan(max);
    }),
    { numRuns: 1000 },
  );
});

test("a retelling stays within its bound and is cut between messages, the newest kept (AR-19)", () => {
  fc.assert(
    fc.property(fc.array(emoji, { maxLength: 12 }), fc.integer({ min: 0, max: 400 }), (texts, max) => {
      const items = texts.map((text, at) => message(text, at % 2 === 0 ? "user" : "assistant"));
      const told = retellTranscript(items, max);
      expect(bytes(told)).toBeLessThanOrEqual(max);
      expect(told.isWellFormed()).toBe(true);
      const whole = retellTranscript(items, Number.MAX_SAFE_INTEGER);
      const newest = `${texts.length % 2 === 1 ? "User" : "Assistant"}: ${texts.at(-1) ?? ""}`;
      if (texts.length > 0 && bytes(newest) + 2 > max) expect(newest.startsWith(told)).toBe(true);
      else expect(whole.endsWith(told)).toBe(true);
      if (whole !== told && bytes(newest) + 2 <= max) expect(whole.endsWith(`\n\n${told}`)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test("messages, tools and changed files are retold; pictures, reasoning and housekeeping are not", () => {
  const items: readonly Item[] = [
    message("Fix it", "user"),
    { ...message(""), parts: [{ type: "reasoning", text: "secret thought", visibility: "private" }] },
    {
      ...message(""),
      kind: "tool_call",
      parts: [
        { type: "tool_call", callId: "c", name: "edit", arguments: { path: "a" } },
        { type: "file_ref", path: "a" },
      ],
    },
    { ...message("", "tool"), kind: "tool_result", parts: [{ type: "tool_result", callId: "c", output: "done" }] },
    { ...message("", "system"), kind: "status", parts: [{ type: "status", label: "asked", detail: "x" }] },
    { ...message(""), parts: [{ type: "image", data: "AAAA" }] },
    message("Fixed."),
  ];
  expect(retellTranscript(items, 10_000)).toBe(
    'User: Fix it\n\nAssistant: (used the tool edit with {"path":"a"})\n(changed a)\n\nTool result: done\n\nAssistant: Fixed.',
  );
});

test("only when the newest message alone is too long is it cut itself", () => {
  expect(retellTranscript([message("old"), message("👩‍👩‍👧‍👦".repeat(10))], 40)).toMatch(/^Assistant: 👩/);
  expect(retellTranscript([], 40)).toBe("");
  expect(retellTranscript([message("x")], 0)).toBe("");
});
