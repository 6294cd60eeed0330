/** What Claude Code says itself, as it was recorded, and what becomes of it. */
import type { SessionUpdate } from "@corral/protocol";
import { expect, test } from "vitest";
import { errorProse } from "./error-prose.ts";

const chunk = (messageId: string, text: string): SessionUpdate => ({
  sessionUpdate: "agent_message_chunk",
  content: { type: "text", text },
  messageId,
});
const usage: SessionUpdate = { sessionUpdate: "usage_update", used: 1281, size: 1000000 };
const answer = chunk("msg_mwom3cw01b", "about to be cut");
const error = chunk("92168d4a-f128-4c97-a390-022838cb5d99", "API Error: 400 stub error 400");

function told(said: readonly SessionUpdate[], { fails }: { readonly fails: boolean }): readonly SessionUpdate[] {
  const { prompt, update, result, rest } = errorProse();
  prompt();
  const heard = said.flatMap((one) => update(one));
  if (!fails) result({ stopReason: "end_turn" });
  return [...heard, ...rest()];
}

test("an error that fails the turn is not told as an answer, and what the model had said is", () => {
  expect(told([error], { fails: true })).toEqual([]);
  expect(told([answer, error, usage], { fails: true })).toEqual([answer, usage]);
});

test("what the harness says itself in a turn that ends well is told, in its order", () => {
  const output = chunk("0b35d1f4-3c52-4a53-9d0f-1b1b6f0a7c11", "Total cost: $0.01");
  expect(told([output, usage], { fails: false })).toEqual([usage, output]);
  expect(told([output, answer], { fails: false })).toEqual([output, answer]);
});

test("what was held back in a turn that failed is forgotten by the next", () => {
  const { prompt, update, result, rest } = errorProse();
  prompt();
  update(error);
  expect(rest()).toEqual([]);
  prompt();
  expect(update(answer)).toEqual([answer]);
  result({});
  expect(rest()).toEqual([]);
});
