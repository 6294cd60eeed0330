/** The law of words: names that say nothing are not used. */
import { basename } from "node:path/posix";
import { type Finding, findingAt, type Law } from "./law.ts";
import { part, parts, type Source, type Syntax, walk } from "./source.ts";

const banned = new Set(
  "manager service controller processor util utils helper helpers common misc data info infos payload bus v2 new legacy instance"
    .split(" ")
    .flatMap((word) => [word, `${word}s`]),
);

/** Where a banned word is the right one after all. A name stands for a whole name, `^word` for the first word of a name. */
export const allowedWords: readonly { readonly name: string; readonly in: "fields" | "names"; readonly why: string }[] =
  [
    { name: "^new", in: "names", why: "as the verb that makes one: newId()" },
    { name: "^new", in: "fields", why: "as the verb that makes one, and as ACP's session/new" },
    {
      name: "data",
      in: "fields",
      why: "JSON-RPC errors, MessageEvents, zod and ACP content blocks call it so on the wire",
    },
    { name: "pluginData", in: "names", why: "esbuild's plugins hand it on under this name" },
    { name: "workerData", in: "fields", why: "the options of Node's Worker call it so" },
    { name: "info", in: "fields", why: "OpenAPI documents and loggers call it so" },
    { name: "instance", in: "fields", why: "problem documents (RFC 9457) call it so" },
    { name: "agentInfo", in: "fields", why: "ACP's initialize calls it so" },
    { name: "clientInfo", in: "fields", why: "ACP's initialize calls it so" },
    { name: "serverInfo", in: "fields", why: "MCP's initialize calls it so" },
  ];

export const wordsOf = (name: string): readonly string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");

export function bannedWord(name: string, kind: "fields" | "names"): string | undefined {
  const allowed = allowedWords.filter((line) => line.in === kind).map((line) => line.name);
  if (allowed.includes(name)) return undefined;
  return wordsOf(name).find((word, at) => banned.has(word) && !(at === 0 && allowed.includes(`^${word}`)));
}

const fieldParents = new Set([
  "Property",
  "MethodDefinition",
  "PropertyDefinition",
  "TSPropertySignature",
  "TSMethodSignature",
]);

const nameParents = new Set([
  "VariableDeclarator",
  "FunctionDeclaration",
  "FunctionExpression",
  "ClassDeclaration",
  "TSTypeAliasDeclaration",
  "TSInterfaceDeclaration",
  "TSTypeParameter",
]);

/** The names that a pattern binds: `{ a, b: [c] }` binds a and c. */
function boundBy(pattern: Syntax | undefined): readonly Syntax[] {
  if (pattern === undefined) return [];
  if (pattern.type === "Identifier") return [pattern];
  // `{ data }` takes a field by the name its owner gave it; the owner answers for the name.
  if (pattern.type === "Property") return pattern.shorthand ? [] : boundBy(part(pattern, "value"));
  const inner = [part(pattern, "left"), part(pattern, "argument"), part(pattern, "parameter")];
  return [...inner, ...parts(pattern, "properties"), ...parts(pattern, "elements")].flatMap(boundBy);
}

/** Names that the source chooses itself; what it merely refers to was named by others. */
function chosenNames(node: Syntax): readonly Syntax[] {
  if (node.type === "ImportSpecifier") {
    const [imported, local] = [part(node, "imported"), part(node, "local")];
    return local && imported?.name !== local.name ? [local] : [];
  }
  if (node.type === "ImportNamespaceSpecifier" || node.type === "ImportDefaultSpecifier")
    return boundBy(part(node, "local"));
  if (node.type === "CatchClause") return boundBy(part(node, "param"));
  const names = nameParents.has(node.type) ? [part(node, "id") ?? part(node, "name")] : [];
  return [...names, ...parts(node, "params")].flatMap(boundBy);
}

function fieldName(node: Syntax, parents: readonly Syntax[]): string | undefined {
  if (!fieldParents.has(node.type) || node.computed || parents[0]?.type === "ObjectPattern") return undefined;
  const key = part(node, "key");
  // Our own names have no underscores, so a field like session_info_update comes from another protocol's wire.
  return key?.type === "Identifier" && !/[a-z]_/i.test(String(key.name)) ? String(key.name) : undefined;
}

function badNames(source: Source): readonly Finding[] {
  const found: Finding[] = [];
  const judge = (node: Syntax, name: string, kind: "fields" | "names") => {
    const word = bannedWord(name, kind);
    if (word) found.push(findingAt(source, node, `${name}: "${word}" says nothing`));
  };
  walk(source.program, (node, parents) => {
    const field = fieldName(node, parents);
    if (field !== undefined) judge(node, field, "fields");
    for (const name of chosenNames(node)) judge(name, String(name.name), "names");
  });
  return found;
}

export const wordLaw: Law = {
  says: "no name uses a word that says nothing",
  find: (source) => {
    const word = wordsOf(basename(source.path, ".ts")).find((one) => banned.has(one));
    const file = word ? [{ path: source.path, line: 1, why: `the file name uses "${word}"` }] : [];
    return [...file, ...badNames(source)];
  },
};
