/** JSON objects whose fields nobody has looked at yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

export const isRecord = (thing: unknown): thing is JsonObject =>
  typeof thing === "object" && thing !== null && !Array.isArray(thing);
