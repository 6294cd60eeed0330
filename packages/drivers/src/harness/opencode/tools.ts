/** OpenCode's tools in the words of ACP: what kind they are, where they work, and what became of them. */
import { type Frame, frame, type Question } from "@corral/kernel";
import type { SessionUpdate } from "@corral/protocol";
import { text, texts } from "../reading.ts";

const kinds: Readonly<Record<string, string>> = {
  bash: "execute",
  read: "read",
  write: "edit",
  edit: "edit",
  patch: "edit",
  apply_patch: "edit",
  grep: "search",
  glob: "search",
  list: "search",
  webfetch: "fetch",
  websearch: "fetch",
  task: "think",
  todowrite: "think",
};

export const kindOf = (tool: string): string => kinds[tool] ?? "other";

const locations = (input: Frame): readonly Frame[] => {
  const path = text(input.filePath) || text(input.filepath) || text(input.path);
  return path === "" ? [] : [{ path }];
};

const said = (words: string): Frame =>
  words === "" ? {} : { content: [{ type: "content", content: { type: "text", text: words } }] };

/** What an edit changed stands in its input; a write has no past that it would tell. */
function diffOf(tool: string, input: Frame): readonly Frame[] {
  const path = text(input.filePath);
  if (kindOf(tool) !== "edit" || path === "") return [];
  const newText = text(input.newString) || text(input.content);
  if (newText === "") return [];
  const oldText = text(input.oldString);
  return [{ type: "diff", path, newText, ...(oldText === "" ? {} : { oldText }) }];
}

function ending(tool: string, state: Frame): Frame {
  const input = frame(state.input);
  if (state.status === "error") {
    const error = text(state.error) || "The tool failed.";
    return { status: "failed", ...said(error), rawOutput: { error } };
  }
  const output = text(state.output);
  const { content } = said(output);
  return {
    status: "completed",
    content: [...(Array.isArray(content) ? content : []), ...diffOf(tool, input)],
    rawOutput: { output, metadata: frame(state.metadata) },
  };
}

/** The next thing that is to be said of a tool; `known` when something was said before. */
export function toolUpdates(part: Frame, known: boolean): readonly SessionUpdate[] {
  const [tool, toolCallId] = [text(part.tool) || "tool", text(part.callID) || text(part.id) || "tool"];
  const state = frame(part.state);
  const input = frame(state.input);
  const title = text(input.command) || text(state.title) || tool;
  const face = { kind: kindOf(tool), title, locations: locations(input), rawInput: input };
  const begun: SessionUpdate = { sessionUpdate: "tool_call", toolCallId, ...face, status: "pending" };
  const next = (over: Frame): SessionUpdate => ({ sessionUpdate: "tool_call_update", toolCallId, ...over });
  const first = known ? [] : [begun];
  if (state.status === "pending") return first;
  if (state.status === "running") {
    return [...first, next({ ...face, status: "in_progress", ...said(text(frame(state.metadata).output)) })];
  }
  return [...first, next({ ...face, ...ending(tool, state) })];
}

export const replies = { once: "allow_once", always: "allow_always", reject: "reject_once" } as const;

const options = [
  { optionId: "once", kind: replies.once, name: "Allow once" },
  { optionId: "always", kind: replies.always, name: "Always allow" },
  { optionId: "reject", kind: replies.reject, name: "Reject" },
] as const;

/** A permission that OpenCode wants, as a question. */
export function questionOf(asked: Frame): Question {
  const permission = text(asked.permission) || "tool";
  const rawInput = frame(asked.metadata);
  const patterns = texts(asked.patterns);
  const title = text(rawInput.command) || [permission, ...patterns].join(" ") || permission;
  const toolCallId = text(frame(asked.tool).callID) || text(asked.id) || permission;
  const toolCall = {
    ...{ toolCallId, title, kind: kindOf(permission), status: "pending" },
    ...{ locations: locations(rawInput), rawInput },
  };
  return { kind: "permission", title, toolCall, options };
}
