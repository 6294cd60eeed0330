/** Reads from a document what its tests need: the fenced blocks and the links. */

export interface Fence {
  /** The line of the opening fence, from 1. */
  readonly line: number;
  /** The first word after the fence: sh, ts, text … or nothing. */
  readonly language: string;
  /** The words after it, such as `run`. */
  readonly words: readonly string[];
  readonly text: string;
  /** The lines between the end of the block before and this one, for "directly below". */
  readonly before: string;
}

export interface Link {
  readonly line: number;
  readonly target: string;
}

interface Opened {
  readonly line: number;
  readonly indent: string;
  readonly mark: string;
  readonly title: string;
}

const opening = /^(?<indent>\s*)(?<mark>`{3,}|~{3,})(?<title>[^`]*)$/;

function fenceOf({ line, indent, title }: Opened, body: readonly string[], before: string): Fence {
  const [language = "", ...words] = title.trim().split(/\s+/);
  const text = body.map((one) => (one.startsWith(indent) ? one.slice(indent.length) : one.trimStart())).join("\n");
  return { line, language, words, text, before };
}

const opens = (text: string, line: number): Opened | undefined => {
  const { indent = "", mark, title = "" } = opening.exec(text)?.groups ?? {};
  return mark === undefined ? undefined : { line, indent, mark, title };
};

const closes = ({ mark }: Opened, text: string): boolean =>
  text.trim().length >= mark.length && [...text.trim()].every((letter) => letter === mark[0]);

/** Cuts a document into its fenced blocks and the prose around them. */
function cut(text: string): { readonly fences: readonly Fence[]; readonly prose: readonly string[] } {
  const fences: Fence[] = [];
  const prose: string[] = [];
  let open: Opened | undefined;
  let body: string[] = [];
  let proseFrom = 0;
  for (const [at, line] of text.split("\n").entries()) {
    const before = prose.slice(proseFrom).join("\n");
    prose.push(open || opens(line, at) ? "" : line);
    if (open === undefined) {
      open = opens(line, at + 1);
      body = [];
      if (open) fences.push(fenceOf(open, body, before));
    } else if (closes(open, line)) {
      fences.push(fenceOf(open, body, fences.pop()?.before ?? ""));
      open = undefined;
      proseFrom = prose.length;
    } else {
      body.push(line);
    }
  }
  return { fences, prose };
}

export const fencesOf = (text: string): readonly Fence[] => cut(text).fences;

const links = /\[[^\]]*\]\(<?(?<inline>[^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(?<named>\S+)/g;

export const linksOf = (text: string): readonly Link[] =>
  cut(text).prose.flatMap((line, at) =>
    [...line.replace(/`[^`]*`/g, "").matchAll(links)].map(({ groups }) => ({
      line: at + 1,
      target: groups?.inline ?? groups?.named ?? "",
    })),
  );

/** A block that says it runs, and what its reader is told to expect. */
export interface Runnable {
  readonly line: number;
  readonly language: string;
  readonly text: string;
  readonly expected: string | undefined;
}

export function runnablesOf(text: string): readonly Runnable[] {
  const fences = fencesOf(text);
  return fences.flatMap(({ line, language, words, text: code }, at) => {
    if (!words.includes("run")) return [];
    const next = fences[at + 1];
    const told = next?.language === "text" && next.before.trim() === "" ? next.text : undefined;
    return [{ line, language, text: code, expected: told }];
  });
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The first expected line that the output does not have, in order; `…` stands for anything. */
export function missingLine(output: string, expected: string): string | undefined {
  const lines = output.split("\n");
  let from = 0;
  for (const want of expected.split("\n").filter((line) => line.trim() !== "")) {
    const pattern = new RegExp(`^\\s*${want.trim().split("…").map(escaped).join(".*")}\\s*$`, "u");
    const at = lines.findIndex((line, index) => index >= from && pattern.test(line));
    if (at === -1) return want;
    from = at + 1;
  }
  return undefined;
}
