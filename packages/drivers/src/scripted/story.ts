/** Reads a story from YAML or JSON; what is wrong with one is said with its file, line and path. */
import { Fault } from "@corral/protocol";
import { type Document, isMap, isNode, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { pathOf, storySchema } from "./story-schema.ts";
import type { Story } from "./story-shape.ts";

interface Problem {
  readonly message: string;
  readonly path?: string;
  readonly line?: number;
}

export const parseStory = (text: string, fileName: string): Story => readText(text, fileName).story;

/** The same story as it was written, checked: what a session of the scripted agent takes as its option. */
export const storyValue = (text: string, fileName: string): unknown => readText(text, fileName).written;

function readText(text: string, fileName: string): { readonly story: Story; readonly written: unknown } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const [broken] = document.errors;
  if (broken) throw storyFault(fileName, [{ message: broken.message, line: lineAt(broken.pos[0]) }]);
  const written = plainOf(document, fileName);
  return { written, story: read(written, fileName, (path) => lineAt(offsetOf(document.contents, path))) };
}

function plainOf(written: Document.Parsed, fileName: string): unknown {
  try {
    return written.toJS();
  } catch (error) {
    // The one thing that is found only now: aliases that would unfold without end.
    throw storyFault(fileName, [{ message: error instanceof Error ? error.message : String(error) }]);
  }
}

/** The same for a story that came as a value and so has no lines. */
export const checkStory = (written: unknown, where: string): Story => read(written, where);

function read(written: unknown, where: string, lineOf?: (path: readonly PropertyKey[]) => number): Story {
  const parsed = storySchema.safeParse(written);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue): Problem => {
    const path = pathOf(issue);
    return { message: issue.message, path: dotted(path), ...(lineOf ? { line: lineOf(path) } : {}) };
  });
  throw storyFault(where, problems);
}

function storyFault(where: string, problems: readonly Problem[]): Fault {
  const said = problems.map(({ line, path, message }) =>
    [line === undefined ? where : `${where}:${line}`, path, message].filter(Boolean).join(": "),
  );
  return new Fault("story.invalid", {
    detail: said.join("\n"),
    help: "Correct the story and try again.",
    more: { problems },
  });
}

/** `turns[0].steps[2].say` */
const dotted = (path: readonly PropertyKey[]): string =>
  path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "");

/** Where in the text a path begins: its last key as far as the text knows it. */
function offsetOf(root: Node | null, path: readonly PropertyKey[]): number {
  let node: unknown = root;
  let offset = startOf(root, 0);
  for (const key of path) {
    if (isSeq(node)) {
      node = node.items[Number(key)];
      offset = startOf(node, offset);
    } else if (isMap(node)) {
      const pair = node.items.find((item) => String(item.key) === String(key));
      if (!pair) break;
      offset = startOf(pair.key, offset);
      node = pair.value;
    } else break;
  }
  return offset;
}

const startOf = (node: unknown, otherwise: number): number =>
  isNode(node) ? (node.range?.[0] ?? otherwise) : otherwise;
