/** Makes a reply out of the steps of a story: which part of them is played now, and with which tools and texts. */
import { closingSteps } from "./directives.ts";
import {
  type Block,
  type Chunk,
  type Ending,
  isSpoken,
  type ModelReply,
  type SpokenBlock,
  type ToolBlock,
  type Usage,
} from "./reply.ts";
import type { DeclaredTool } from "./request.ts";
import type { Asked } from "./story/choose.ts";
import type { Spoken, Step, StepName, ToolStep } from "./story/story-shape.ts";
import { inputFor, namesOf, toolNamed, toolOfKind } from "./tool-kinds.ts";
import { usageOf } from "./usage.ts";

export interface Making extends Asked {
  readonly id: string;
  readonly createdSeconds: number;
}

/** What may follow a tool in the same reply; anything else waits for the tool's result. */
const besideTools: readonly StepName[] = ["tool", "usage", "stop", "cut"];

/** Cuts the steps into replies: one ends behind its tools, or where the story says `next`. */
function replies(steps: readonly Step[]): readonly (readonly Step[])[] {
  const parts: Step[][] = [[]];
  for (const step of steps) {
    const part = parts.at(-1);
    const called = part?.some((one) => one.do === "tool") ?? false;
    if (step.do === "next") parts.push([]);
    else if (called && !besideTools.includes(step.do)) parts.push([step]);
    else part?.push(step);
  }
  return calls(parts.at(-1)) > 0 ? [...parts, closingSteps] : parts;
}

const calls = (steps: readonly Step[] | undefined): number => (steps ?? []).filter((step) => step.do === "tool").length;

/** The reply whose turn it is once so many tool results have come back. */
export function stepsNow(steps: readonly Step[], toolResults: number): readonly Step[] {
  const parts = replies(steps);
  let left = toolResults;
  let at = 0;
  while (left > 0 && at < parts.length - 1) {
    left -= Math.max(1, calls(parts[at]));
    at += 1;
  }
  return parts[at] ?? [];
}

/** The first 400 letters of a tool's output, on one line. */
const quoted = (output: string): string => output.replace(/\s+/g, " ").trim().slice(0, 400);

function filled(text: string, { prompt, request }: Asked): string {
  const words: Readonly<Record<string, string>> = {
    prompt: prompt.text,
    tool: quoted(prompt.toolText),
    count: String(prompt.userMessages),
    model: request.model,
  };
  return text.replace(/\{\{(\w+)\}\}/g, (written, word: string) => words[word] ?? written);
}

function chunksOf({ text, chunk, delayMs }: Spoken): readonly Chunk[] {
  const letters = Array.from(text);
  const size = chunk ?? Math.max(1, letters.length);
  return Array.from({ length: Math.ceil(letters.length / size) }, (_, at) => ({
    text: letters.slice(at * size, (at + 1) * size).join(""),
    waitMs: delayMs,
  }));
}

const spoken = (is: SpokenBlock["is"], said: Spoken, asked: Asked): SpokenBlock => ({
  is,
  chunks: chunksOf({ ...said, text: filled(said.text, asked) }),
});

const chosenTool = ({ name, kind }: ToolStep, tools: readonly DeclaredTool[]): DeclaredTool | undefined =>
  kind === undefined ? toolNamed(name ?? "", tools) : toolOfKind(kind, tools);

function called(step: ToolStep, making: Making, at: number): ToolBlock | SpokenBlock {
  const { tools } = making.request;
  const tool = chosenTool(step, tools);
  if (!tool) {
    const text = `No ${step.kind} tool is declared. Declared are: ${namesOf(tools)}`;
    return { is: "text", chunks: [{ text, waitMs: 0 }] };
  }
  const { name, form, namespace } = tool;
  const given = step.kind === undefined ? step.input : inputFor(tool, { given: step.input, escalate: step.escalate });
  const callId = `call_${making.id}_${at}`;
  return { is: "tool", callId, name, form, input: given, ...(namespace === undefined ? {} : { namespace }) };
}

function blockOf(step: Step, making: Making, at: number): Block | undefined {
  if (step.do === "text" || step.do === "thinking") return spoken(step.do, step.with, making);
  if (step.do === "tool") return called(step.with, making, at);
  return step.do === "pause" ? { is: "pause", waitMs: step.with.ms } : undefined;
}

/** Texts beside each other are one block, and a pause between them is silence in it. */
function joined(blocks: readonly Block[]): readonly Block[] {
  const whole: Block[] = [];
  for (const block of blocks) {
    const last = whole.at(-1);
    const added = extended(last, block);
    if (added === undefined) whole.push(block);
    else whole[whole.length - 1] = added;
  }
  return whole;
}

/** The last block with the next one as a part of it; absent when that stands alone. */
function extended(last: Block | undefined, next: Block): SpokenBlock | undefined {
  if (last === undefined || !isSpoken(last) || next.is === "tool") return undefined;
  if (next.is === "pause") return after(last, [{ text: "", waitMs: next.waitMs }]);
  return next.is === last.is ? after(last, next.chunks) : undefined;
}

const after = (block: SpokenBlock, chunks: readonly Chunk[]): SpokenBlock => ({
  ...block,
  chunks: [...block.chunks, ...chunks],
});

/** Nothing that follows one of these is played. */
function endingOf(steps: readonly Step[], blocks: readonly Block[], asked: Asked): Ending {
  for (const step of steps) {
    if (step.do === "cut" || step.do === "hang") return { is: step.do };
    if (step.do === "error") {
      return { is: "error", refusal: { ...step.with, message: filled(step.with.message, asked) } };
    }
  }
  const stop = steps.find((step) => step.do === "stop")?.with.reason;
  return { is: "stop", reason: stop ?? (blocks.some(({ is }) => is === "tool") ? "tool" : "end") };
}

const isEnd = ({ do: name }: Step): boolean => name === "cut" || name === "hang" || name === "error";

function usageIn(steps: readonly Step[], blocks: readonly Block[], { prompt }: Asked): Usage {
  const told = steps.find((step) => step.do === "usage")?.with;
  return (
    told ??
    usageOf(
      prompt,
      blocks.some(({ is }) => is === "thinking"),
    )
  );
}

export function composeReply(written: readonly Step[], making: Making): ModelReply {
  const steps = stepsNow(written, making.prompt.toolResults);
  const end = steps.findIndex(isEnd);
  const played = end === -1 ? steps : steps.slice(0, end);
  const blocks = joined(played.map((step, at) => blockOf(step, making, at)).filter((block) => block !== undefined));
  return {
    id: making.id,
    model: making.request.model,
    createdSeconds: making.createdSeconds,
    blocks,
    ending: endingOf(steps, blocks, making),
    usage: usageIn(steps, blocks, making),
    wantsUsage: making.request.wantsUsage,
  };
}
