/** What a turn cost, in tokens; absent is unknown, never zero. */
import { z } from "zod";

const tokens = z.int().min(0).optional();

export const usageSchema = z
  .object({
    inputTokens: tokens,
    outputTokens: tokens,
    totalTokens: tokens,
    cachedReadTokens: tokens,
    cachedWriteTokens: tokens,
    thoughtTokens: tokens,
  })
  .meta({ id: "Usage" });

export type Usage = Readonly<z.infer<typeof usageSchema>>;

const names = Object.keys(usageSchema.shape) as readonly (keyof Usage)[];

/** Sums field by field; a field that neither side knows stays unknown. */
export function addUsage(left: Usage, right: Usage): Usage {
  const sum: { -readonly [Name in keyof Usage]: Usage[Name] } = {};
  for (const name of names) {
    const [a, b] = [left[name], right[name]];
    if (a !== undefined || b !== undefined) sum[name] = (a ?? 0) + (b ?? 0);
  }
  return sum;
}

/** Takes the known counts out of whatever a harness reported; anything else is left out. */
export function readUsage(reported: unknown): Usage | undefined {
  if (typeof reported !== "object" || reported === null) return undefined;
  const known = Object.entries(reported).filter(
    ([name, count]) => Object.hasOwn(usageSchema.shape, name) && Number.isSafeInteger(count) && Number(count) >= 0,
  );
  return known.length > 0 ? (Object.fromEntries(known) as Usage) : undefined;
}
