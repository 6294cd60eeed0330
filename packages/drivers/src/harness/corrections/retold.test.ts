/** An answer that breaks off and is given again, as harnesses tell it. */
import { manualClock } from "@corral/kernel";
import type { SessionUpdate } from "@corral/protocol";
import { expect, test } from "vitest";
import { retold } from "./retold.ts";

type Said = string | { readonly pauseMs: number } | { readonly thought: string } | { readonly tool: string };

const chunk = (sessionUpdate: string, text: string): SessionUpdate => ({
  sessionUpdate,
  messageId: "msg-1",
  content: { type: "text", text },
});

/** What is told of what was said: texts as they are, thoughts in brackets. */
function told(said: readonly Said[]): string {
  const clock = manualClock();
  const { prompt, update } = retold(clock);
  prompt();
  const heard: SessionUpdate[] = [];
  for (const one of said) {
    if (typeof one === "string") heard.push(...update(chunk("agent_message_chunk", one)));
    else if ("thought" in one) heard.push(...update(chunk("agent_thought_chunk", one.thought)));
    else if ("tool" in one) heard.push(...update({ sessionUpdate: "tool_call", toolCallId: one.tool }));
    else clock.advance(one.pauseMs);
  }
  return heard
    .map(({ sessionUpdate, content }) => {
      const { text = "" } = (content ?? {}) as { text?: string };
      return sessionUpdate === "agent_thought_chunk" ? `(${text})` : text;
    })
    .join("");
}

const retry = { pauseMs: 2_100 };

test.each<[string, readonly Said[], string]>([
  [
    "goes on where it broke off",
    ["Half ", "of it", retry, "Half ", "of it", ", and the rest"],
    "Half of it, and the rest",
  ],
  ["goes on in the middle of a piece", ["Half ", "of", retry, "Half of it, and the rest"], "Half of it, and the rest"],
  [
    "breaks off again and again",
    ["Half ", "of", retry, "Half ", retry, "Half ", "of", retry, "Half of it"],
    "Half of it",
  ],
  ["breaks off for good", ["Half ", "of", retry, "Half "], "Half of"],
  ["thinks again too", [{ thought: "Hm" }, "Half", retry, { thought: "Hm" }, "Half of it"], "(Hm)Half of it"],
])("an answer that %s is told once", (_, said, whole) => {
  expect(told(said)).toBe(whole);
});

test.each<[string, readonly Said[], string]>([
  ["repeats itself without a pause", ["ha ", "ha ", "ha"], "ha ha ha"],
  ["goes on after a pause", ["One. ", retry, "Two."], "One. Two."],
  ["begins alike and turns out different", ["Half of it", retry, "Half ", "a loaf"], "Half of itHalf a loaf"],
  ["says after a tool what it said before it", ["Done.", { tool: "t" }, retry, "Done."], "Done.Done."],
])("an answer that %s is told whole", (_, said, whole) => {
  expect(told(said)).toBe(whole);
});

test("a prompt begins anew: the same answer twice is two answers", () => {
  const clock = manualClock();
  const { prompt, update } = retold(clock);
  for (const _ of [1, 2]) {
    prompt();
    expect(update(chunk("agent_message_chunk", "Yes."))).toHaveLength(1);
    clock.advance(5_000);
  }
});

/** Claude Code tries again sooner, and each try has an id of its own. */
function toldByMessage(said: readonly (readonly [id: string, text: string])[]): string {
  const { prompt, update } = retold(manualClock(), "message");
  prompt();
  const heard = said.flatMap(([messageId, text]) => update({ ...chunk("agent_message_chunk", text), messageId }));
  return heard.map(({ content }) => (content as { text: string }).text).join("");
}

test("where each try has an id of its own, an answer that is given again is told once, without a pause", () => {
  const tries = ["msg_1", "msg_2", "msg_3"].flatMap((id) => [[id, "Half "] as const, [id, "of it"] as const]);
  expect(toldByMessage([...tries, ["msg_4", "Half "], ["msg_4", "of it, and the rest"]])).toBe(
    "Half of it, and the rest",
  );
  expect(
    toldByMessage([
      ["msg_1", "ha "],
      ["msg_1", "ha "],
      ["msg_1", "ha"],
    ]),
  ).toBe("ha ha ha");
  expect(
    toldByMessage([
      ["msg_1", "One. "],
      ["msg_2", "Two."],
    ]),
  ).toBe("One. Two.");
});
