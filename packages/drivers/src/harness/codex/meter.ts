/** Counts what a turn cost out of Codex' running totals, which it tells again also where nothing was added. */
import { type Frame, isFrame } from "@corral/kernel";
import type { Usage } from "@corral/protocol";

const names = [
  "totalTokens",
  "inputTokens",
  "cachedInputTokens",
  "cacheWriteInputTokens",
  "outputTokens",
  "reasoningOutputTokens",
] as const;
type Counts = Readonly<Record<(typeof names)[number], number>>;

const read = (told: unknown): Counts => {
  const frame = isFrame(told) ? told : {};
  return Object.fromEntries(names.map((name) => [name, Number(frame[name]) || 0])) as Counts;
};
const minus = (left: Counts, right: Counts): Counts =>
  Object.fromEntries(names.map((name) => [name, Math.max(0, left[name] - right[name])])) as Counts;

export interface Meter {
  /** From here on another turn is counted. */
  begin(): void;
  note(tokenUsage: Frame): void;
  /** Absent where the model server counted nothing. */
  spent(): Usage | undefined;
}

export function createMeter(): Meter {
  let now: Counts | undefined;
  let before: Counts | undefined;
  return {
    begin() {
      before = now;
    },
    note({ total, last }) {
      now = read(total);
      // Of what was before the first telling only this is known.
      before ??= minus(now, read(last));
    },
    spent() {
      if (!now || !before) return undefined;
      const spent = minus(now, before);
      return spent.totalTokens === 0 ? undefined : usageOf(spent);
    },
  };
}

/** Codex counts what was cached among the input and what was thought among the output; here each token stands once. */
function usageOf(counts: Counts): Usage {
  const { inputTokens, cachedInputTokens, cacheWriteInputTokens, outputTokens, reasoningOutputTokens } = counts;
  return {
    totalTokens: counts.totalTokens,
    inputTokens: Math.max(0, inputTokens - cachedInputTokens - cacheWriteInputTokens),
    cachedReadTokens: cachedInputTokens,
    cachedWriteTokens: cacheWriteInputTokens,
    outputTokens: Math.max(0, outputTokens - reasoningOutputTokens),
    thoughtTokens: reasoningOutputTokens,
  };
}
