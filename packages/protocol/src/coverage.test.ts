/** The table of what becomes of updates, checked against the folds themselves. */
import { expect, test } from "vitest";
import { coverageOf, updateCoverage } from "./coverage.ts";
import { logOf, opened, queued, said, started } from "./events.fixture.ts";
import { foldAll } from "./fold.ts";
import { emptyTranscript, foldTranscript } from "./transcript.ts";

const content = { type: "text", text: "x" };
const samples: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  agent_message_chunk: { content },
  agent_thought_chunk: { content },
  user_message_chunk: { content },
  tool_call: { toolCallId: "c", title: "ls" },
  tool_call_update: { toolCallId: "c", status: "completed" },
  plan: { entries: [] },
  notice: { severity: "warning", title: "x" },
  available_commands_update: { availableCommands: [{ name: "x" }] },
  config_option_update: { configOptions: [{ id: "x" }] },
  current_mode_update: { currentModeId: "x" },
  session_info_update: { title: "x" },
  usage_update: { used: 1, size: 2 },
};

test.each([...Object.keys(updateCoverage), "compaction_update", "never_heard_of", "constructor"])(
  "%s becomes what the coverage table says (D-34)",
  (kind) => {
    const events = logOf([opened, queued("a"), started(), said({ sessionUpdate: kind, ...samples[kind] })]);
    const transcript = emptyTranscript();
    for (const event of events) foldTranscript(transcript, event);
    const [item, more] = transcript.items.slice(2);
    expect(more).toBeUndefined();
    const { item: wanted, part, state } = coverageOf(kind);
    expect(item?.kind).toBe(wanted);
    expect(item?.parts[0]?.type).toBe(part);
    const [before, after] = [foldAll(events.slice(0, -1))!, foldAll(events)!];
    const changed = Object.keys(after).filter((name) => !(name in before));
    expect(changed).toEqual(state === undefined ? [] : [state]);
  },
);
