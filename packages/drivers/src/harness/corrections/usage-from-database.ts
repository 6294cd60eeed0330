/** OpenCode tells the tokens of the last call of a turn only; its own database has them all, one row for each answer of the model. */
import type { Clock, Corrections } from "@corral/kernel";
import { addUsage, type Usage } from "@corral/protocol";
import { z } from "zod";

const tokens = z.int().min(0);
const answerSchema = z.object({
  role: z.literal("assistant"),
  tokens: z.object({
    input: tokens,
    output: tokens,
    reasoning: tokens,
    cache: z.object({ read: tokens, write: tokens }),
  }),
});

function usageOf(row: string): Usage | undefined {
  const answer = answerSchema.safeParse(JSON.parse(row));
  if (!answer.success) return undefined;
  const { input, output, reasoning, cache } = answer.data.tokens;
  return {
    inputTokens: input,
    outputTokens: output,
    totalTokens: input + output + reasoning + cache.read + cache.write,
    ...(reasoning > 0 ? { thoughtTokens: reasoning } : {}),
    ...(cache.read > 0 ? { cachedReadTokens: cache.read } : {}),
    ...(cache.write > 0 ? { cachedWriteTokens: cache.write } : {}),
  };
}

async function readAnswers(path: string, sinceMs: number): Promise<readonly Usage[]> {
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const rows = db.prepare("SELECT data FROM message WHERE time_created >= ?").all(sinceMs);
    return rows.flatMap(({ data: row }) => (typeof row === "string" ? (usageOf(row) ?? []) : []));
  } finally {
    db.close();
  }
}

export interface UsageNeed {
  readonly clock: Pick<Clock, "now">;
  /** The database is the session's own, so whatever was answered since the prompt was answered for it. */
  readonly path: string;
}

export function usageFromDatabase({ clock, path }: UsageNeed): Required<Pick<Corrections, "prompt" | "result">> {
  let promptedAtMs = 0;
  return {
    prompt: () => {
      promptedAtMs = clock.now();
    },
    async result(result) {
      try {
        const answers = await readAnswers(path, promptedAtMs);
        return answers.length === 0 ? result : { ...(result as object), usage: answers.reduce(addUsage, {}) };
      } catch {
        // A release that keeps its books in another way: what it tells by itself is then all there is.
        return result;
      }
    },
  };
}
