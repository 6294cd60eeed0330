/** A small MCP server over stdio with one tool, which writes a note into the file that it was started with. */
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [file = ""] = process.argv.slice(2);
const schema = { type: "object", properties: { note: { type: "string" } }, required: ["note"] };

function answer(method: string, params: { protocolVersion?: string; arguments?: { note?: string } }): unknown {
  if (method === "initialize") {
    const { protocolVersion = "2025-06-18" } = params;
    return { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "notes", version: "1.0.0" } };
  }
  if (method === "tools/list") {
    return { tools: [{ name: "remember", description: "Remembers a note.", inputSchema: schema }] };
  }
  if (method === "tools/call") {
    const { note = "" } = params.arguments ?? {};
    appendFileSync(file, `${note}\n`);
    return { content: [{ type: "text", text: `noted: ${note}` }] };
  }
  return method === "ping" ? {} : undefined;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params = {} } = JSON.parse(line);
  if (id === undefined) continue;
  const result = answer(method, params);
  const error = { code: -32601, message: `There is no method ${method}.` };
  console.log(JSON.stringify({ jsonrpc: "2.0", id, ...(result === undefined ? { error } : { result }) }));
}
