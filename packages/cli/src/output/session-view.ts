/** A session as a person reads it: a few facts, what waits, and the conversation. */
import type { Item, Part, Session } from "@corral/protocol";
import { harmless, oneLine } from "./harmless.ts";
import type { Out } from "./out.ts";
import { planText } from "./turn-view.ts";

const facts = (state: Session): readonly (readonly [string, string | undefined])[] => [
  ["session", state.id],
  ["title", state.title],
  ["agent", [state.agent, state.model, state.mode].filter(Boolean).join(", ")],
  ["workspace", state.cwd],
  ["phase", state.phase],
  ["harness", state.harness && `pid ${state.harness.pid ?? "unknown"}, ${state.harness.how}`],
  ["turns", `${state.turns}${state.queue.length > 0 ? `, ${state.queue.length} in the queue` : ""}`],
  ["last turn", lastTurnText(state)],
  ["events", String(state.cursor)],
  ["tokens", state.usage.totalTokens === undefined ? undefined : String(state.usage.totalTokens)],
  ["opened", state.createdAt],
  ["changed", state.updatedAt],
];

const lastTurnText = ({ lastTurn }: Session): string | undefined =>
  lastTurn && [lastTurn.outcome, lastTurn.fault && `(${lastTurn.fault.detail})`].filter(Boolean).join(" ");

function partText(part: Part): string {
  switch (part.type) {
    case "text":
      return part.text;
    case "reasoning":
      return `(thinks) ${part.text}`;
    case "tool_call":
      return `→ ${part.name}`;
    case "tool_result":
      return oneLine(part.output, 200);
    case "file_ref":
      return `± ${part.path}`;
    case "status":
      return [part.label, part.detail].filter(Boolean).join(": ");
    case "image":
      return `[image ${part.uri ?? part.mimeType ?? ""}]`;
    case "json":
      return planText({ sessionUpdate: "plan", entries: part.json }) ?? oneLine(JSON.stringify(part.json), 200);
  }
}

function writeItem(out: Out, { role, parts }: Item): void {
  const lines = harmless(parts.map(partText).filter(Boolean).join("\n")).trim();
  if (lines === "") return;
  const [first = "", ...rest] = lines.split("\n");
  out.line(`${out.style("dim", role.padEnd(10))} ${first}`);
  for (const line of rest) out.line(`${" ".repeat(10)} ${line}`);
}

export function showSession(out: Out, state: Session, items: readonly Item[]): void {
  for (const [name, value] of facts(state)) {
    if (value) out.line(`${out.style("dim", name.padEnd(10))} ${oneLine(value, 300)}`);
  }
  for (const { id, title, state: waiting } of state.asks) {
    out.line(`${out.style("yellow", "asks".padEnd(10))} ${oneLine(title)} (${waiting}): corral ask answer ${id} allow`);
  }
  if (items.length > 0) out.line();
  for (const item of items) writeItem(out, item);
}
