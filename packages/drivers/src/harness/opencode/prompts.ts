/** Prompts as ACP has them, in OpenCode's words. */
import { type Frame, frame } from "@corral/kernel";
import type { ContentBlock } from "@corral/protocol";
import { text } from "../reading.ts";

const said = (words: string): Frame => ({ type: "text", text: words });
const inlined = ({ mimeType, data, uri }: Frame): Frame => {
  const filename = text(uri).split("/").at(-1);
  return {
    type: "file",
    mime: text(mimeType),
    url: `data:${text(mimeType)};base64,${text(data)}`,
    ...(filename ? { filename } : {}),
  };
};

/** A file of this machine is read by OpenCode itself; whatever else is linked is only named. */
function linked({ name, uri, mimeType }: Frame): Frame {
  const filename = text(name) || text(uri);
  if (!text(uri).startsWith("file://")) return said(`[${filename}](${text(uri)})`);
  return { type: "file", mime: text(mimeType) || "text/plain", url: text(uri), filename };
}

const parts: Readonly<Record<string, (block: Frame) => Frame>> = {
  text: (block) => said(text(block.text)),
  image: inlined,
  audio: inlined,
  resource_link: linked,
  resource: ({ resource }) => {
    const { uri, text: content } = frame(resource);
    return said(`<resource uri="${text(uri)}">\n${text(content)}\n</resource>`);
  },
};

/** A kind of content that OpenCode has no word for is handed over as it is written. */
export const partsOf = (prompt: readonly ContentBlock[]): readonly Frame[] =>
  prompt.map((block) => (parts[block.type] ?? ((other) => said(JSON.stringify(other))))(block));
