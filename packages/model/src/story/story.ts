/** Reads a story from YAML or JSON; what is wrong with one is said with its file, line and path. */
import { Fault } from "@corral/protocol";
import { isMap, isNode, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { pathOf, storySchema } from "./story-schema.ts";
import type { Story, WrittenStory } from "./story-shape.ts";

type LineOf = (path: readonly PropertyKey[]) => number;

/** A story from the text of a file, checked, as it was written. */
export function readStory(text: string, fileName: string): WrittenStory {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const [broken] = document.errors;
  if (broken) throw storyFault([`${fileName}:${lineAt(broken.pos[0])}: ${broken.message}`]);
  const written = unfolded(() => document.toJS(), fileName);
  checkStory(written, fileName, (path) => lineAt(offsetOf(document.contents, path)));
  return written as WrittenStory;
}

/** Aliases that would unfold without end are found only when a document becomes a value. */
function unfolded(toValue: () => unknown, fileName: string): unknown {
  try {
    return toValue();
  } catch (error) {
    throw storyFault([`${fileName}: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

/** A story with its short forms filled in. One that came as a value has no lines. */
export function checkStory(written: unknown, where: string, lineOf?: LineOf): Story {
  const parsed = storySchema.safeParse(written);
  if (parsed.success) return parsed.data;
  const said = parsed.error.issues.map((issue) => {
    const path = pathOf(issue);
    const place = lineOf === undefined ? where : `${where}:${lineOf(path)}`;
    return [place, dotted(path), issue.message].filter(Boolean).join(": ");
  });
  throw storyFault(said);
}

const storyFault = (problems: readonly string[]): Fault =>
  new Fault("story.invalid", {
    detail: problems.join("\n"),
    help: "Correct the story and try again.",
    more: { problems },
  });

/** `rules[0].steps[2].text` */
const dotted = (path: readonly PropertyKey[]): string =>
  path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "");

const startOf = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined);

/** Where in the text a path begins: its last key as far as the text knows it. */
function offsetOf(root: Node | null, path: readonly PropertyKey[]): number {
  let node: unknown = root;
  let offset = startOf(root) ?? 0;
  for (const key of path) {
    const pair = isMap(node) ? node.items.find((item) => String(item.key) === String(key)) : undefined;
    const item = isSeq(node) ? node.items[Number(key)] : undefined;
    offset = startOf(pair?.key ?? item) ?? offset;
    node = pair?.value ?? item;
  }
  return offset;
}
