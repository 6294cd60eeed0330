/** How words that a harness tells are read: a thing of another shape counts as an empty one. */

export const text = (thing: unknown): string => (typeof thing === "string" ? thing : "");
export const texts = (thing: unknown): readonly string[] =>
  Array.isArray(thing) ? thing.filter((one) => typeof one === "string") : [];
