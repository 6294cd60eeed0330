/** Secrets do not get into what is written down. */
import { chunkText, type SessionUpdate } from "@corral/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createByteHider } from "./hide.ts";
import { createStreamRedactor, redact } from "./redact.ts";

const secrets = { API_KEY: "sk-canary-1234567890", OTHER: 'quote"and\\slash' };
const said = (text: string, sessionUpdate = "agent_message_chunk"): SessionUpdate => ({
  sessionUpdate,
  content: { type: "text", text },
});

function stream(pieces: readonly string[]): string {
  const redactor = createStreamRedactor(() => secrets);
  const told = [...pieces.flatMap((piece) => redactor.push(said(piece))), ...redactor.flush()];
  return told.map((update) => chunkText(update)).join("");
}

describe("what is written down of a session with secrets", () => {
  test("no value of a secret is in an event, however deep it stands or is quoted (invariant 8)", () => {
    const event = { a: [`before ${secrets.API_KEY} after`], b: { c: secrets.OTHER } };
    expect(redact(event, secrets)).toEqual({ a: ["before [API_KEY] after"], b: { c: "[OTHER]" } });
  });

  test("an event without a secret in it is left as it is", () => {
    const event = { a: "nothing" };
    expect(redact(event, secrets)).toBe(event);
    expect(redact(event, undefined)).toBe(event);
  });

  test("a secret that is streamed in pieces is not told, however it is cut (invariant 8)", () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(cuts, fc.string(), fc.string(), (sizes, before, after) => {
        const whole = `${before}${secrets.API_KEY}${after}`;
        const pieces: string[] = [];
        for (let at = 0, turn = 0; at < whole.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          pieces.push(whole.slice(at, at + size));
          at += size;
        }
        expect(stream(pieces)).toBe(
          whole.replaceAll(secrets.API_KEY, "[API_KEY]").replaceAll(secrets.OTHER, "[OTHER]"),
        );
      }),
    );
  });

  test("what only looks like the beginning of a secret is told after all", () => {
    expect(stream(["the key starts with sk-can", "ned food"])).toBe("the key starts with sk-canned food");
    expect(stream(["the key starts with sk-can"])).toBe("the key starts with sk-can");
  });

  test("another kind of update lets go of what was held back first, in order", () => {
    const redactor = createStreamRedactor(() => secrets);
    expect(redactor.push(said("hello sk-"))).toEqual([said("hello ")]);
    const plan = { sessionUpdate: "plan", entries: [] };
    expect(redactor.push(plan)).toEqual([said("sk-"), plan]);
  });

  test("no value of a secret is in the bytes that a program said, however its pipe cuts them (invariant 8)", () => {
    const whole = Buffer.from(`é ${secrets.API_KEY} ü ${secrets.OTHER}\n`);
    for (let size = 1; size < 9; size++) {
      const hider = createByteHider(secrets);
      const kept: Buffer[] = [];
      for (let at = 0; at < whole.length; at += size) kept.push(hider.push(whole.subarray(at, at + size)));
      expect(Buffer.concat([...kept, hider.end()]).toString()).toBe("é [API_KEY] ü [OTHER]\n");
    }
  });
});
