/** Words in a prompt that make a story unnecessary: RUN_TOOL[ls], THINK, ECHO:hello and their kin. */
import type { Prompt } from "./prompt.ts";
import type { Spoken, Step, ToolStep } from "./story/story-shape.ts";

const provenCommand = "echo tool-ran > tool-proof.txt && cat tool-proof.txt";
const writtenFile = "written-by-tool.txt";
const writtenText = "written by the scripted model\n";

const pace = { chunk: 12, delayMs: 5 };
const text = (said: string, how: Partial<Spoken> = pace): Step => ({
  do: "text",
  with: { delayMs: 0, text: said, ...how },
});

/** An argument in brackets, which may hold one more pair of them. */
const bracketed = String.raw`(?:\[((?:[^[\]]|\[[^[\]]*\])*)\])?`;
const wordsWithArguments = new RegExp(String.raw`\b(?:RUN_TOOL|WRITE_FILE)\b${bracketed}|ECHO:.*`, "g");

/** Closes a turn in which a tool was used: the person sees what came back. */
export const closingSteps: readonly Step[] = [text("Tool finished. Result was: {{tool}}")];

interface Found {
  /** The prompt without the arguments of its directives, which are no directives themselves. */
  readonly bare: string;
  readonly tool?: ToolStep;
  readonly echo?: string;
}

function find(prompt: string): Found {
  const command = new RegExp(String.raw`\bRUN_TOOL\b${bracketed}`).exec(prompt);
  const file = new RegExp(String.raw`\bWRITE_FILE\b${bracketed}`).exec(prompt);
  const echo = /ECHO:(.*)/.exec(prompt)?.[1];
  const bare = prompt.replace(wordsWithArguments, " ");
  const escalate = /\bESCALATE\b/.test(bare);
  const tool: ToolStep | undefined = file
    ? { kind: "write", input: { path: file[1] || writtenFile, content: writtenText }, escalate }
    : command
      ? { kind: "shell", input: { command: command[1] || provenCommand, description: "Run a command" }, escalate }
      : undefined;
  return { bare, ...(tool === undefined ? {} : { tool }), ...(echo === undefined ? {} : { echo }) };
}

const ticks = Array.from({ length: 60 }, (_, tick) => `tick${String(tick).padStart(2, "0")} `).join("");

function answer({ bare, tool, echo }: Found): readonly Step[] {
  const has = (word: string): boolean => new RegExp(`\\b${word}\\b`).test(bare);
  const status = /\bFAIL([45]\d\d)\b/.exec(bare)?.[1];
  if (status)
    return [{ do: "error", with: { status: Number(status), message: `The scripted model fails with ${status}` } }];
  if (has("CUT")) return [text("about to be cut", { chunk: 9 }), { do: "cut", with: {} }];
  if (has("HANG")) return [{ do: "hang", with: {} }];
  if (tool) return [{ do: "tool", with: tool }, ...closingSteps];
  if (has("SLOW")) return [text(ticks, { chunk: 7, delayMs: 250 })];
  if (has("COUNT")) return [text("user_messages={{count}}")];
  return [text(echo ?? "Hello from the scripted model.")];
}

const thought: Step = { do: "thinking", with: { text: "Let me think about it.", ...pace } };

/** The steps that the directives of a prompt stand for; without any, a greeting. */
export function stepsInPrompt({ text: prompt }: Prompt): readonly Step[] {
  const found = find(prompt);
  const steps = answer(found);
  // An error comes instead of an answer, so there is nothing to think before it.
  return /\bTHINK\b/.test(found.bare) && steps[0]?.do !== "error" ? [thought, ...steps] : steps;
}
