/** Prompts and MCP servers as ACP has them, in the words of Codex. */

import { type Frame, isFrame } from "@corral/kernel";
import { type ContentBlock, Fault } from "@corral/protocol";
import { text } from "../reading.ts";

const said = (words: string): Frame => ({ type: "text", text: words, text_elements: [] });
const inlined = (type: "image" | "audio", { mimeType, data }: Frame): Frame => ({
  type,
  url: `data:${text(mimeType)};base64,${text(data)}`,
});

const inputs: Readonly<Record<string, (block: Frame) => Frame>> = {
  text: (block) => said(text(block.text)),
  image: (block) => inlined("image", block),
  audio: (block) => inlined("audio", block),
  resource_link: ({ name, uri }) => said(`[${text(name) || text(uri)}](${text(uri)})`),
  resource: ({ resource }) => {
    const { uri, text: content } = isFrame(resource) ? resource : {};
    return said(`<resource uri="${text(uri)}">\n${text(content)}\n</resource>`);
  },
};

/** A kind of content that Codex has no word for is handed over as it is written. */
export const inputOf = (prompt: readonly ContentBlock[]): readonly Frame[] =>
  prompt.map((block) => (inputs[block.type] ?? ((other) => said(JSON.stringify(other))))(block));

const pairs = (list: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (Array.isArray(list) ? list.filter(isFrame) : []).map(({ name, value }) => [text(name), text(value)]),
  );

function serverOf({ name, type, command, args, env, url, headers }: Frame): Frame {
  if (type === "sse") {
    throw new Fault("agent.cannot", {
      detail: `Codex cannot reach the MCP server "${text(name)}": it does not speak SSE.`,
      help: "Give the server as a command or as streamable HTTP.",
    });
  }
  if (typeof url === "string") return { url, http_headers: pairs(headers) };
  return { command, args: Array.isArray(args) ? args : [], env: pairs(env) };
}

/** Codex takes letters, digits, dashes and underscores in a server's name. */
export const mcpServersOf = (servers: readonly Frame[]): Frame =>
  Object.fromEntries(servers.map((server) => [text(server.name).replace(/[^\w-]/g, "_"), serverOf(server)]));
