/** Of many measurements the few numbers that are told. */

const sorted = (values: readonly number[]): readonly number[] => [...values].sort((a, b) => a - b);

/** The value that this part of all values does not exceed. */
export function quantile(values: readonly number[], part: number): number {
  const all = sorted(values);
  return all[Math.min(all.length - 1, Math.floor(all.length * part))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** How long it took, in milliseconds, and what came of it. */
export async function timed<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly value: T }> {
  const began = performance.now();
  const value = await work();
  return { ms: performance.now() - began, value };
}
