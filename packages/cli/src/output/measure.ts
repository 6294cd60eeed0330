/** Times and sizes as a person reads them in a list. */

const steps = [
  { unit: "s", ms: 1_000, below: 60_000 },
  { unit: "min", ms: 60_000, below: 3_600_000 },
  { unit: "h", ms: 3_600_000, below: 86_400_000 },
  { unit: "d", ms: 86_400_000, below: Number.POSITIVE_INFINITY },
] as const;

/** `3 min` since an ISO time. */
export function ageOf(at: string, nowMs: number): string {
  const ms = Math.max(0, nowMs - Date.parse(at));
  const step = steps.find(({ below }) => ms < below) ?? steps[3];
  return `${Math.floor(ms / step.ms)} ${step.unit}`;
}

export const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
