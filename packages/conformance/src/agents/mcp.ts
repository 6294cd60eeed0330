/** The tools of the MCP servers that a session was given, over stdio. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Tool } from "./brain.ts";
import { type Json, openWire, record, records, type Wire, WireError } from "./wire.ts";

export interface McpTools {
  readonly tools: readonly Tool[];
  /** Absent where no server has such a tool. */
  call(name: string, input: Json): Promise<string> | undefined;
  end(): void;
}

interface Server {
  readonly child: ChildProcess;
  readonly wire: Wire;
}

function start({ command, args, env }: Json): Server {
  const given = Object.fromEntries(records(env).map(({ name, value }) => [String(name), String(value)]));
  const words = Array.isArray(args) ? args.map(String) : [];
  const child = spawn(String(command), words, { env: { ...process.env, ...given }, stdio: ["pipe", "pipe", "ignore"] });
  const serve = (method: string): never => {
    throw new WireError(-32601, `There is no method ${method}.`);
  };
  const wire = openWire({ input: child.stdout, output: child.stdin, serve, hear: () => undefined });
  return { child, wire };
}

const textIn = (result: Json): string =>
  records(result.content)
    .map(({ text }) => (typeof text === "string" ? text : ""))
    .join("");

export async function openMcp(wanted: readonly Json[]): Promise<McpTools> {
  const owners = new Map<string, { readonly wire: Wire; readonly name: string }>();
  const tools: Tool[] = [];
  const servers = wanted.filter(({ command }) => typeof command === "string");
  const started = servers.map((server) => ({ ...start(server), title: String(server.name) }));
  for (const { wire, title } of started) {
    await wire.request("initialize", {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "reference", version: "1.0.0" },
    });
    wire.notify("notifications/initialized", {});
    const listed = await wire.request("tools/list", {});
    for (const { name, description, inputSchema } of records(listed.tools)) {
      const own = `${title}_${String(name)}`;
      owners.set(own, { wire, name: String(name) });
      tools.push({ name: own, description: String(description), parameters: record(inputSchema) });
    }
  }
  return {
    tools,
    call(tool, input) {
      const owner = owners.get(tool);
      return owner?.wire.request("tools/call", { name: owner.name, arguments: input }).then(textIn);
    },
    end() {
      for (const { child } of started) child.kill("SIGKILL");
    },
  };
}
