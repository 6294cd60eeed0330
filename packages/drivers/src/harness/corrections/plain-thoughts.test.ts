/** What Gemini CLI 0.61 really said while it thought. */
import { chunkText, type SessionUpdate } from "@corral/protocol";
import { expect, test } from "vitest";
import { plainThoughts } from "./plain-thoughts.ts";

const thought = (text: string): SessionUpdate => ({
  sessionUpdate: "agent_thought_chunk",
  content: { type: "text", text },
});
const word: SessionUpdate = { sessionUpdate: "agent_message_chunk", content: { type: "text", text: "Hello " } };

const heard = (updates: readonly SessionUpdate[]): readonly string[] => {
  const { update } = plainThoughts();
  return updates.flatMap(update).map((told) => chunkText(told) ?? "");
};

test("a thought without a title is told without one, and its pieces do not run together", () => {
  const recorded = ["**Think**\nLet me", "****\nthink", "****\nabout it."].map(thought);
  expect(heard([...recorded, word]).join("")).toBe("**Think**\nLet me think about it.Hello ");
});

test("a titled thought begins a paragraph, and so does none that is the first", () => {
  expect(heard([thought("**One**\nFirst."), thought("**Two**\nSecond.")])).toEqual([
    "**One**\nFirst.",
    "\n\n**Two**\nSecond.",
  ]);
  expect(heard([thought("****\nOne."), word, thought("****\nTwo.")])).toEqual(["One.", "Hello ", "Two."]);
});
