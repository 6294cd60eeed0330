/** Reads durations as people write them: `90`, `90s`, `5m`, `1h30m`. */
import { Fault } from "@corral/protocol";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const whole = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;

function millisecondsOf(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1_000;
  if (!whole.test(text)) return Number.NaN;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g);
  return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ""] ?? Number.NaN), 0);
}

/** A bare number is seconds. */
export function readDurationMs(text: string, where: string): number {
  const ms = Math.round(millisecondsOf(text));
  if (Number.isSafeInteger(ms) && ms > 0) return ms;
  throw new Fault("config.invalid", {
    detail: `${where}: "${text}" is not a duration`,
    help: "Write seconds or a unit: 90, 90s, 5m, 1h30m.",
  });
}
