/** Prompts as ACP has them, in the words of Pi: one text, and pictures beside it. */

import { type Frame, isFrame } from "@corral/kernel";
import type { ContentBlock } from "@corral/protocol";
import { text } from "../reading.ts";

const words: Readonly<Record<string, (block: Frame) => string>> = {
  text: (block) => text(block.text),
  resource_link: ({ name, uri }) => `[${text(name) || text(uri)}](${text(uri)})`,
  resource: ({ resource }) => {
    const { uri, text: content } = isFrame(resource) ? resource : {};
    return `<resource uri="${text(uri)}">\n${text(content)}\n</resource>`;
  },
};

const isImage = (block: Frame): boolean => block.type === "image" && typeof block.data === "string";

/** A kind of content that Pi has no word for is handed over as it is written. */
export function promptOf(prompt: readonly ContentBlock[]): Frame {
  const images = prompt.filter(isImage).map(({ data: picture, mimeType }: Frame) => ({
    type: "image",
    data: picture,
    mimeType,
  }));
  const said = prompt.filter((block) => !isImage(block));
  return {
    message: said.map((block) => (words[block.type] ?? JSON.stringify)(block)).join("\n"),
    ...(images.length > 0 ? { images } : {}),
  };
}
