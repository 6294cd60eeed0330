/** Makes what was read from JSON writable again, as what it will be read as: not too deep, and with no number that JSON lacks. */
import { deepestJson, depthOf } from "@corral/protocol";

/** Some numbers overflow as they are read, and minus zero does not survive being written. */
const oddNumber = /\d[eE]\+?\d{3}|\d{309}|[:[,]\s*-0/;

/** A value that is nested so deep takes at least so many characters. */
const shallowLength = 2 * deepestJson;

const isTooDeep = (text: string): boolean => text.length > shallowLength && depthOf(text) > deepestJson;

/** What lies deeper than the bound becomes null, and so does a number that JSON has no word for. */
function rebuilt(value: unknown, levels: number): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : null;
  if (typeof value !== "object" || value === null) return value;
  if (levels === 0) return null;
  if (Array.isArray(value)) return value.map((one) => rebuilt(one, levels - 1));
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, rebuilt(one, levels - 1)]));
}

export interface Tame {
  readonly value: unknown;
  /** Something lay too deep and was left out. */
  readonly cut: boolean;
}

/** Throws when it is not JSON. The value is changed only where it has to be. */
export function parseTame(text: string): Tame {
  const value: unknown = JSON.parse(text);
  const cut = isTooDeep(text);
  return { value: cut || oddNumber.test(text) ? rebuilt(value, deepestJson) : value, cut };
}
