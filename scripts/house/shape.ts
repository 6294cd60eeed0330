/** The laws of a file's shape: how it opens, what it is called, what it exports, and what it does with errors. */
import { type Finding, findingAt, type Law, lineOf } from "./law.ts";
import { part, parts, type Source, type Syntax, walk } from "./source.ts";

const opening = /^(#!.*\n)?\/\*\*\s*(?<sentence>[\s\S]*?)\s*\*\//;
const kebab = /^[a-z0-9]+(-[a-z0-9]+)*$/;

const openingLaw: Law = {
  says: "a file opens with a sentence that says what it is for",
  find: ({ path, text }) => {
    const sentence = opening.exec(text)?.groups?.sentence ?? "";
    const said = sentence.split(/\s+/).length >= 3 && /[.!?]$/.test(sentence);
    return said ? [] : [{ path, line: 1, why: "does not open with /** a sentence. */" }];
  },
};

const nameLaw: Law = {
  says: "file names are kebab-case",
  find: ({ path }) => {
    const wrong = path.split("/").find((step) => step.split(".").some((word) => !kebab.test(word)));
    return wrong === undefined ? [] : [{ path, line: 1, why: `${wrong} is not kebab-case` }];
  },
};

const isIndex = (source: Source): boolean => source.path.endsWith("/index.ts");

function importedNames(source: Source): ReadonlySet<string> {
  const imports = parts(source.program, "body").filter((node) => node.type === "ImportDeclaration");
  return new Set(imports.flatMap((node) => parts(node, "specifiers").map((one) => String(part(one, "local")?.name))));
}

const reExportLaw: Law = {
  says: "only an index.ts passes on what another file exports",
  find: (source) => {
    if (isIndex(source)) return [];
    const imported = importedNames(source);
    return parts(source.program, "body")
      .filter(
        (node) =>
          node.type === "ExportAllDeclaration" ||
          (node.type === "ExportNamedDeclaration" &&
            (part(node, "source") !== undefined ||
              parts(node, "specifiers").some((one) => imported.has(String(part(one, "local")?.name))))),
      )
      .map((node) => findingAt(source, node, "passes on another file's export"));
  },
};

const defaultLaw: Law = {
  says: "exports have names",
  find: (source) =>
    parts(source.program, "body")
      .filter((node) => node.type === "ExportDefaultDeclaration")
      .map((node) => findingAt(source, node, "a default export")),
};

/** Spelled in pieces, so that the law does not find itself. */
const promises = new RegExp(
  ["\\bTO" + "DO\\b", "\\bFIX" + "ME\\b", "\\bX" + "XX\\b", "\\bnot " + "implemented\\b"].join("|"),
);

export function unfinished({ path, text }: { readonly path: string; readonly text: string }): readonly Finding[] {
  const found = [...text.matchAll(new RegExp(promises, "gi"))];
  return found.map((match) => ({
    path,
    line: lineOf(text, match.index),
    why: `"${match[0]}": finish it or leave it out`,
  }));
}

const hasComment = (text: string): boolean => /\/\/|\/\*/.test(text);

/** Is it a function that answers every error with nothing? */
function swallows(node: Syntax | undefined): boolean {
  if (node?.type !== "ArrowFunctionExpression" && node?.type !== "FunctionExpression") return false;
  const body = part(node, "body");
  if (body?.type === "BlockStatement") return parts(body, "body").length === 0;
  const nothing = body?.type === "Identifier" && body.name === "undefined";
  return (
    nothing ||
    (body?.type === "Literal" && body.value === null) ||
    (body?.type === "UnaryExpression" && body.operator === "void" && part(body, "argument")?.type === "Literal")
  );
}

function swallower(node: Syntax): Syntax | undefined {
  if (node.type === "CatchClause") {
    const body = part(node, "body");
    return parts(body, "body").length === 0 ? body : undefined;
  }
  const method = part(part(node, "callee"), "property")?.name;
  if (node.type !== "CallExpression" || (method !== "catch" && method !== "then")) return undefined;
  const handler = parts(node, "arguments")[method === "catch" ? 0 : 1];
  return swallows(handler) ? handler : undefined;
}

/** The lines that a node stands on, with the one above: where a comment would give the reason. */
function around({ text }: Source, { start, end }: Syntax): string {
  const above = text.lastIndexOf("\n", text.lastIndexOf("\n", start) - 1) + 1;
  const after = text.indexOf("\n", end);
  return text.slice(above, after === -1 ? text.length : after);
}

const swallowLaw: Law = {
  says: "no error is swallowed without a reason beside it",
  find: (source) => {
    const found: Finding[] = [];
    walk(source.program, (node) => {
      const at = swallower(node);
      if (at && !hasComment(around(source, at)))
        found.push(findingAt(source, at, "swallows every error and does not say why"));
    });
    return found;
  },
};

export const shapeLaws: readonly Law[] = [
  openingLaw,
  nameLaw,
  reExportLaw,
  defaultLaw,
  { says: "nothing is left for later", find: unfinished },
  swallowLaw,
];
