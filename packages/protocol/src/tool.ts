/** What a tool call produced, read from each of the shapes in which harnesses report it. */
import type { SessionUpdate } from "./content.ts";

export interface ToolDiff {
  readonly path: string;
  readonly oldText?: string;
  readonly newText: string;
}

export interface ToolOutput {
  /** Text that belongs behind what was read before. */
  readonly added: string;
  /** Text that replaces what was read before: content of an update is the whole content so far. */
  readonly whole?: string;
  readonly diffs: readonly ToolDiff[];
  readonly exitCode?: number;
}

type Bag = Readonly<Record<string, unknown>>;
const bag = (thing: unknown): Bag => (typeof thing === "object" && thing !== null ? (thing as Bag) : {});
const text = (thing: unknown): string | undefined => (typeof thing === "string" ? thing : undefined);

const contentTexts = (content: unknown): readonly string[] =>
  Array.isArray(content)
    ? content.flatMap((part) => (bag(part).type === "content" ? (text(bag(bag(part).content).text) ?? []) : []))
    : [];

const contentDiffs = (content: unknown): readonly ToolDiff[] =>
  Array.isArray(content)
    ? content.flatMap((part) => {
        const { type, path, oldText, newText } = bag(part);
        if (type !== "diff" || typeof path !== "string" || typeof newText !== "string") return [];
        return [{ path, newText, ...(typeof oldText === "string" ? { oldText } : {}) }];
      })
    : [];

function rawText(raw: unknown): string | undefined {
  if (typeof raw === "string") return raw;
  const { output, stdout, formatted_output: formatted } = bag(raw);
  return text(output) ?? text(formatted) ?? text(stdout);
}

/** Three shapes: content text (with or without rawOutput), rawOutput alone, and terminal output in `_meta`. */
export function readToolOutput(update: SessionUpdate): ToolOutput {
  const meta = bag(update._meta);
  const added = text(bag(meta.terminal_output_delta).data) ?? text(bag(meta.terminal_output).data) ?? "";
  const texts = contentTexts(update.content);
  const whole = texts.length > 0 ? texts.join("") : added === "" ? rawText(update.rawOutput) : undefined;
  const exitCode = bag(meta.terminal_exit).exit_code;
  return {
    added,
    diffs: contentDiffs(update.content),
    ...(whole === undefined ? {} : { whole }),
    ...(typeof exitCode === "number" ? { exitCode } : {}),
  };
}
