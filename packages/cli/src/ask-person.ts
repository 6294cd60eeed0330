/** Puts an ask to the person at the terminal and reads the answer. */
import { openSync } from "node:fs";
import { createInterface } from "node:readline";
import { ReadStream } from "node:tty";
import type { Answer, Ask, SessionUpdate } from "@corral/protocol";
import { readToolOutput } from "@corral/protocol";
import { harmless, oneLine } from "./output/harmless.ts";
import type { Out } from "./output/out.ts";
import type { Input } from "./shell.ts";

export type Question = Pick<Ask, "id" | "kind" | "title" | "toolCall" | "options" | "schema">;

export interface Person extends Disposable {
  /** Resolves with undefined when the signal is aborted: somebody else answered, or it is too late. */
  ask(question: Question, signal: AbortSignal): Promise<Answer | undefined>;
}

interface Lines extends Disposable {
  /** Resolves with undefined at the end of input or when the signal is aborted. */
  next(signal: AbortSignal): Promise<string | undefined>;
}

/** Lines are read in cooked mode, so that Ctrl-C stays a signal and cancels the turn. */
function readLines(input: Input): Lines {
  const reader = createInterface({ input, terminal: false });
  const kept: string[] = [];
  let ended = false;
  let wake: () => void = () => undefined;
  reader.on("line", (line) => {
    kept.push(line);
    wake();
  });
  reader.on("close", () => {
    ended = true;
    wake();
  });
  return {
    async next(signal) {
      // What was typed before the question was seen is no answer to it.
      kept.length = 0;
      while (kept.length === 0 && !ended && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
      return kept.shift();
    },
    [Symbol.dispose]: () => {
      reader.close();
      input.destroy();
    },
  };
}

function drawChanges(out: Out, { toolCall }: Question): void {
  const update = { sessionUpdate: "tool_call", ...toolCall } as SessionUpdate;
  for (const { path, newText, oldText } of readToolOutput(update).diffs) {
    out.line(out.style("dim", `  ${oldText === undefined ? "new file" : "change"} ${oneLine(path)}`));
    const lines = harmless(newText).trimEnd().split("\n");
    for (const line of lines.slice(0, 12)) out.line(out.style("green", `  + ${line}`));
    if (lines.length > 12) out.line(out.style("dim", `  … ${lines.length - 12} more lines`));
  }
}

const decisions: Readonly<Record<string, Answer>> = {
  a: { decision: "allow" },
  allow: { decision: "allow" },
  y: { decision: "allow" },
  yes: { decision: "allow" },
  d: { decision: "deny" },
  deny: { decision: "deny" },
  n: { decision: "deny" },
  no: { decision: "deny" },
};

/** A number of the list, the id of an option, or a word for allow and deny. */
export function readAnswer(text: string, { options }: Pick<Question, "options">): Answer | undefined {
  const word = text.trim();
  const option = options.find(({ optionId }, at) => optionId === word || String(at + 1) === word);
  return option ? { option: option.optionId } : decisions[word.toLowerCase()];
}

async function askPermission(out: Out, lines: Lines, question: Question, signal: AbortSignal) {
  drawChanges(out, question);
  question.options.forEach(({ name, optionId }, at) => {
    out.line(`  ${at + 1}  ${oneLine(name || optionId)}`);
  });
  for (;;) {
    out.write(out.style("bold", `  answer [1-${question.options.length}, a(llow), d(eny)]: `));
    const line = await lines.next(signal);
    if (signal.aborted) return undefined;
    // No more input: the person left without an answer, which allows nothing.
    if (line === undefined) return { decision: "deny" } as const;
    const answer = readAnswer(line, question);
    if (answer) return answer;
    out.line(`  "${oneLine(line)}" is none of them.`);
  }
}

interface Field {
  readonly type?: unknown;
  readonly title?: unknown;
  readonly description?: unknown;
  readonly enum?: unknown;
}

const fieldsOf = ({ schema }: Question): readonly (readonly [string, Field])[] =>
  typeof schema?.properties === "object" && schema.properties !== null
    ? Object.entries(schema.properties as Readonly<Record<string, Field>>)
    : [];

/** What the schema wants, as far as a line of text can be it; the daemon has the last word. */
export function readField(text: string, { type }: Field): unknown {
  if (type === "boolean") return /^(y|yes|true|1)$/i.test(text.trim());
  if (type === "number" || type === "integer") return Number(text);
  return text;
}

async function askFields(out: Out, lines: Lines, question: Question, signal: AbortSignal) {
  const content: Record<string, unknown> = {};
  out.line(out.style("dim", "  an empty answer leaves a field out; Ctrl-D declines"));
  for (const [name, field] of fieldsOf(question)) {
    const choices = Array.isArray(field.enum) ? ` [${field.enum.join(", ")}]` : "";
    out.write(`  ${oneLine(String(field.title ?? field.description ?? name))}${oneLine(choices)}: `);
    const line = await lines.next(signal);
    if (signal.aborted) return undefined;
    if (line === undefined) return { decision: "deny" } as const;
    if (line !== "") content[name] = readField(line, field);
  }
  return { content };
}

export function createPerson(input: Input, out: Out): Person {
  const lines = readLines(input);
  // Two questions at once are put one after the other.
  let turn: Promise<unknown> = Promise.resolve();
  return {
    ask(question, signal) {
      const put = question.kind === "elicitation" ? askFields : askPermission;
      const answer = turn.then(() => (signal.aborted ? undefined : put(out, lines, question, signal)));
      turn = answer;
      return answer;
    },
    [Symbol.dispose]: () => lines[Symbol.dispose](),
  };
}

/** The terminal behind a program whose stdin is taken; absent when there is none. */
function openTerminal(): Input | undefined {
  try {
    // Not a file stream: its reads would keep the program from ending until another key is pressed.
    return new ReadStream(openSync("/dev/tty", "r"));
  } catch {
    // A job without a terminal: nobody can be asked.
    return undefined;
  }
}

/** Where a person can be asked: at a terminal that shows our questions and is not used for the prompt. */
export function inputOfPerson(stdin: Input, stderr: Out, stdinIsTaken: boolean): Input | undefined {
  if (!stderr.isTerminal) return undefined;
  if (stdin.isTTY && !stdinIsTaken) return stdin;
  return stdinIsTaken ? openTerminal() : undefined;
}
