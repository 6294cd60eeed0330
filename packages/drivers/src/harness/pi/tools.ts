/** How the tools of Pi are shown: what they are called, what they touch, and what came of them. */

import { type Frame, frame, frames } from "@corral/kernel";
import { text } from "../reading.ts";

const kinds: Readonly<Record<string, string>> = {
  bash: "execute",
  edit: "edit",
  find: "search",
  grep: "search",
  ls: "read",
  read: "read",
  write: "edit",
};

function diffsOf(name: string, { path, content, edits, oldText, newText }: Frame): readonly Frame[] {
  if (name === "write") return [{ type: "diff", path, newText: text(content) }];
  if (name !== "edit") return [];
  const all = Array.isArray(edits) ? frames(edits) : [{ oldText, newText }];
  return all.map((edit) => ({ type: "diff", path, oldText: text(edit.oldText), newText: text(edit.newText) }));
}

/** What is known of a call before it is made. */
export function toolView(name: string, given: unknown): Frame & { readonly title: string } {
  const input = frame(given);
  const path = text(input.path);
  const about = text(input.command) || path || text(input.pattern);
  const title = name === "bash" && about !== "" ? about : [name, about].filter(Boolean).join(" ");
  const content = path === "" ? [] : diffsOf(name, input);
  return {
    title,
    kind: kinds[name] ?? "other",
    rawInput: input,
    ...(path === "" ? {} : { locations: [{ path }] }),
    ...(content.length > 0 ? { content } : {}),
  };
}

/** All that came of it so far; it takes the place of what was told before. */
export function toolOutput(result: unknown): Frame {
  const said = frames(frame(result).content).filter(({ type }) => type === "text" || type === "image");
  return said.length === 0 ? {} : { content: said.map((content) => ({ type: "content", content })) };
}
