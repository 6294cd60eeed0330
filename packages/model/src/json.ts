/** JSON whose fields nobody has looked at yet, and careful ways to look. */
export type JsonObject = Readonly<Record<string, unknown>>;

export const isRecord = (thing: unknown): thing is JsonObject =>
  typeof thing === "object" && thing !== null && !Array.isArray(thing);

/** The thing if it is an object, else an empty one. */
export const asRecord = (thing: unknown): JsonObject => (isRecord(thing) ? thing : {});

/** The objects of a list; whatever else stands in their place counts as none. */
export const asRecords = (thing: unknown): readonly JsonObject[] => (Array.isArray(thing) ? thing.map(asRecord) : []);

export const asText = (thing: unknown): string => (typeof thing === "string" ? thing : "");

export const textOrNone = (thing: unknown): string | undefined => (typeof thing === "string" ? thing : undefined);

/** All that can be read in a piece of content, however deep the dialect has packed it. */
export function textIn(content: unknown): string {
  if (typeof content === "string") return content;
  if (content === undefined || content === null) return "";
  if (Array.isArray(content)) return content.map(textIn).filter(Boolean).join("\n");
  if (!isRecord(content)) return String(content);
  const inner = content.text ?? content.output ?? content.content;
  if (inner !== undefined) return textIn(inner);
  // An image or a file has nothing to read; anything else unknown is shown as it is.
  return "type" in content ? "" : JSON.stringify(content);
}

/** Of an object the fields that are there: `undefined` is left out. */
export const present = <Some extends object>(some: Some): { [Key in keyof Some]?: Exclude<Some[Key], undefined> } =>
  Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Some]?: Exclude<Some[Key], undefined>;
  };
