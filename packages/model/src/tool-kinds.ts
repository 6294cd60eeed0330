/** Finds the tool of a kind among those that a harness declared, and gives it its input under the names it expects. */
import { asRecord, type JsonObject } from "./json.ts";
import { jsonExample } from "./json-example.ts";
import type { DeclaredTool } from "./request.ts";

/** How the tools of a kind are called by one harness or another, best first. */
const toolNames = {
  shell: [
    "bash",
    "Bash",
    "exec_command",
    "shell_command",
    "shell",
    "run_shell_command",
    "terminal",
    "execute_command",
    "exec",
  ],
  write: ["write", "Write", "write_file", "create_file"],
  read: ["read", "Read", "read_file", "view"],
  edit: ["edit", "Edit", "replace", "edit_file", "str_replace"],
  list: ["list", "LS", "ls", "list_directory", "glob", "Glob"],
  search: ["grep", "Grep", "search_file_content", "grep_search", "search"],
} as const satisfies Record<string, readonly string[]>;

export type ToolKind = keyof typeof toolNames;
export const toolKindNames = Object.keys(toolNames) as readonly ToolKind[];

/** A story writes the first name; a tool takes whichever its schema declares. */
const fieldNames: Readonly<Record<string, readonly string[]>> = {
  command: ["command", "cmd", "script"],
  path: ["file_path", "filePath", "path", "absolute_path", "dir_path", "target_file"],
  content: ["content", "contents", "file_text", "text"],
  old: ["old_string", "oldString", "oldText", "old_text", "old_str"],
  new: ["new_string", "newString", "newText", "new_text", "new_str"],
  pattern: ["pattern", "query", "regex"],
};

const callable = (tools: readonly DeclaredTool[]): readonly DeclaredTool[] =>
  tools.filter(({ form }) => form !== "hosted");

export function toolOfKind(kind: ToolKind, tools: readonly DeclaredTool[]): DeclaredTool | undefined {
  const known = callable(tools);
  return toolNames[kind].map((name) => known.find((tool) => tool.name === name)).find(Boolean);
}

/** A tool is called by its name even where nobody declared it: harnesses must survive that too. */
export const toolNamed = (name: string, tools: readonly DeclaredTool[]): DeclaredTool =>
  tools.find((tool) => tool.name === name) ?? { name, schema: {}, form: "function" };

interface Input {
  readonly given: JsonObject;
  /** Ask to be let out of the sandbox, where the tool has words for it. */
  readonly escalate: boolean;
}

/** The input of a tool of a known kind: renamed to what the schema declares, and filled up with what it requires. */
export function inputFor(tool: DeclaredTool, { given, escalate }: Input): JsonObject {
  const fields = asRecord(tool.schema.properties);
  const renamed = Object.fromEntries(Object.entries(given).map(([name, value]) => fitted(name, value, fields)));
  const asked = escalate && "sandbox_permissions" in fields ? escalation : {};
  return withRequired(tool, declared(withEdits({ ...renamed, ...asked }, fields), fields));
}

/** Strict tools refuse what they did not declare; a tool that declares nothing takes all. */
const declared = (input: JsonObject, fields: JsonObject): JsonObject =>
  Object.keys(fields).length === 0
    ? input
    : Object.fromEntries(Object.entries(input).filter(([name]) => name in fields));

const escalation = { sandbox_permissions: "require_escalated", justification: "May the scripted model run this?" };

function fitted(name: string, value: unknown, fields: JsonObject): [string, unknown] {
  const known = name in fields ? name : (fieldNames[name]?.find((one) => one in fields) ?? name);
  const isList = asRecord(fields[known]).type === "array";
  return [known, name === "command" && isList ? ["bash", "-lc", value] : value];
}

/** Some tools take a list of edits instead of one. */
function withEdits(input: JsonObject, fields: JsonObject): JsonObject {
  const inner = asRecord(asRecord(asRecord(fields.edits).items).properties);
  if (!("edits" in fields) || "edits" in input || !("old" in input || "new" in input)) return input;
  const { old: before, new: after, ...rest } = input;
  return { ...rest, edits: [Object.fromEntries([fitted("old", before, inner), fitted("new", after, inner)])] };
}

function withRequired({ schema }: DeclaredTool, input: JsonObject): JsonObject {
  const names = Array.isArray(schema.required) ? schema.required.map(String) : [];
  const missing = names.filter((name) => !(name in input));
  const fields = asRecord(schema.properties);
  return { ...Object.fromEntries(missing.map((name) => [name, valueFor(name, fields, schema)])), ...input };
}

/** A time limit of the least number that fits would end every tool at once. */
const isTime = (name: string): boolean => /timeout|ms$/i.test(name);

function valueFor(name: string, fields: JsonObject, { $defs, definitions }: JsonObject): unknown {
  const value = jsonExample({ type: "object", properties: { [name]: fields[name] ?? {} }, $defs, definitions });
  const found = asRecord(value)[name];
  return isTime(name) && typeof found === "number" ? Math.max(found, 10_000) : found;
}

export const namesOf = (tools: readonly DeclaredTool[]): string => tools.map(({ name }) => name).join(", ") || "none";
