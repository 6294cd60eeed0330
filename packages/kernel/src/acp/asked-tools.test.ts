/** Tools that a harness only asks about, as Gemini CLI does. */
import { expect, test } from "vitest";
import type { Question, Reply } from "../ports/harness.ts";
import { watchAskedTools } from "./asked-tools.ts";

const once = { optionId: "proceed_once", name: "Allow", kind: "allow_once" } as const;
const reject = { optionId: "cancel", name: "Reject", kind: "reject_once" } as const;
const toolCall = { toolCallId: "run_shell_command__1", status: "pending", title: "echo hello", kind: "execute" };
const question: Question = { kind: "permission", title: "echo hello", toolCall, options: [once, reject] };
const chosen = (option: typeof once | typeof reject): Reply => ({ outcome: "selected", option });
const failed = { sessionUpdate: "tool_call_update", toolCallId: toolCall.toolCallId, status: "failed" };
const update = (sessionUpdate: string, status: string) => ({ ...toolCall, sessionUpdate, status });

test("a tool that is asked about has begun, once", () => {
  const tools = watchAskedTools();
  expect(tools.asked(question)).toEqual([{ ...toolCall, sessionUpdate: "tool_call" }]);
  expect(tools.asked(question)).toEqual([]);
});

test("a tool that the harness has told before it asks is not told again", () => {
  const tools = watchAskedTools();
  tools.heard(update("tool_call", "pending"));
  expect(tools.asked(question)).toEqual([]);
});

test("a tool that was denied and of which nothing more is heard has failed when the prompt is over", () => {
  const tools = watchAskedTools();
  tools.asked(question);
  tools.answered(question, chosen(reject));
  expect(tools.rest()).toEqual([failed]);
  expect(tools.rest()).toEqual([]);
});

test("a question that was taken back is a denial too", () => {
  const tools = watchAskedTools();
  tools.answered(question, { outcome: "cancelled" });
  expect(tools.rest()).toEqual([failed]);
});

test("an end that the harness tells itself stands", () => {
  const tools = watchAskedTools();
  tools.asked(question);
  tools.answered(question, chosen(reject));
  tools.heard(update("tool_call_update", "failed"));
  expect(tools.rest()).toEqual([]);
});

test("a tool that was allowed is the harness's to end", () => {
  const tools = watchAskedTools();
  tools.asked(question);
  tools.answered(question, chosen(once));
  expect(tools.rest()).toEqual([]);
});
