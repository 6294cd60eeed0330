/** What Codex does, as tool calls: one view for each kind of item, and the item itself where nobody knows its kind. */

import { type Frame, frames, isFrame } from "@corral/kernel";
import { text } from "../reading.ts";

export interface ToolView {
  readonly title: string;
  readonly kind: string;
  readonly rawInput?: unknown;
  readonly content?: readonly Frame[];
  readonly locations?: readonly Frame[];
  readonly rawOutput?: unknown;
  readonly _meta?: Frame;
}

const textContent = (said: string): Frame => ({ type: "content", content: { type: "text", text: said } });

const kinds: Readonly<Record<string, string>> = { read: "read", listFiles: "search", search: "search" };

/** Codex reads what a command does; of several parts the whole is as harmless as its least harmless one. */
function commandKind(actions: readonly Frame[]): string {
  const all = new Set(actions.map(({ type }) => kinds[text(type)] ?? "execute"));
  const [only = "execute"] = all;
  return all.size === 1 ? only : "execute";
}

/** The command without the shell that Codex puts around it. */
export function commandTitle({ command, commandActions }: Frame): string {
  const parts = frames(commandActions).map((action) => text(action.command));
  return parts.length > 0 && parts.every(Boolean) ? parts.join(" && ") : text(command) || "Run a command";
}

function command(item: Frame): ToolView {
  const { command: whole, cwd, commandActions, aggregatedOutput, exitCode } = item;
  return {
    title: commandTitle(item),
    kind: commandKind(frames(commandActions)),
    rawInput: { command: whole, cwd },
    ...(typeof aggregatedOutput === "string" ? { content: [textContent(aggregatedOutput)] } : {}),
    ...(typeof exitCode === "number"
      ? { rawOutput: { exitCode }, _meta: { terminal_exit: { exit_code: exitCode, signal: null } } }
      : {}),
  };
}

/** The two sides of a unified diff, as far as it shows them. */
function sidesOf(diff: string): { readonly oldText: string; readonly newText: string } {
  const lines = diff.split("\n").filter((line) => !/^(@@|---|\+\+\+|\\)/.test(line));
  const side = (other: string) =>
    lines
      .filter((line) => line !== "" && !line.startsWith(other))
      .map((line) => `${line.slice(1)}\n`)
      .join("");
  return { oldText: side("+"), newText: side("-") };
}

function diffOf({ path, kind, diff }: Frame): Frame {
  const how = isFrame(kind) ? kind.type : kind;
  if (how === "add") return { type: "diff", path, newText: text(diff) };
  if (how === "delete") return { type: "diff", path, oldText: text(diff), newText: "" };
  return { type: "diff", path, ...sidesOf(text(diff)) };
}

function fileChange({ changes }: Frame): ToolView {
  const all = frames(changes);
  const paths = all.map(({ path }) => text(path));
  return {
    title: `Edit ${paths.join(", ") || "files"}`,
    kind: "edit",
    locations: paths.map((path) => ({ path })),
    content: all.map(diffOf),
  };
}

function mcpToolCall({ server, tool, arguments: given, result, error }: Frame): ToolView {
  const told = isFrame(result) ? frames(result.content).map((content) => ({ type: "content", content })) : [];
  const failed = isFrame(error) ? [textContent(text(error.message))] : [];
  const content = [...told, ...failed];
  return {
    title: `${text(server)}.${text(tool)}`,
    kind: "other",
    rawInput: given,
    ...(content.length > 0 ? { content } : {}),
    ...(isFrame(result) && isFrame(result.structuredContent) ? { rawOutput: result.structuredContent } : {}),
  };
}

const views: Readonly<Record<string, (item: Frame) => ToolView>> = {
  commandExecution: command,
  fileChange,
  mcpToolCall,
  webSearch: ({ query }) => ({ title: `Search the web for ${text(query)}`, kind: "fetch", rawInput: { query } }),
  imageView: ({ path }) => ({ title: `Look at ${text(path)}`, kind: "read", locations: [{ path }] }),
  collabAgentToolCall: ({ tool, prompt, model }) => ({ title: text(tool), kind: "other", rawInput: { prompt, model } }),
};

/** A kind that nobody has heard of is shown under its own name, with all that it says. */
export const toolView = (item: Frame): ToolView =>
  views[text(item.type)]?.(item) ?? { title: text(item.type) || "tool", kind: "other", rawInput: item };

const statuses: Readonly<Record<string, string>> = { completed: "completed", failed: "failed", declined: "failed" };

/** Items without a status of their own are over when they are told as completed. */
export const endStatus = ({ status }: Frame): string =>
  status === undefined ? "completed" : (statuses[text(status)] ?? "failed");
