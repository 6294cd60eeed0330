/** What a reply costs: a fixed formula, so that tests can compare what a harness reports with what it was told. */
import type { Prompt } from "./prompt.ts";
import type { Usage } from "./reply.ts";

/** `input` = 1000 + 100 for every message of the person + 10 for every tool result of the newest one. */
export const inputTokens = ({ userMessages, toolResults }: Prompt): number =>
  1_000 + 100 * userMessages + 10 * toolResults;

/** `cached` is 200 of the input, `output` 42, of which 12 are `reasoning` when the reply thinks. */
export const usageOf = (prompt: Prompt, thinks: boolean): Usage => ({
  input: inputTokens(prompt),
  cached: 200,
  output: 42,
  reasoning: thinks ? 12 : 0,
});
