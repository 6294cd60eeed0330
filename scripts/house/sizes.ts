/** The laws of size: files and functions that fit into a head. */
import { findingAt, type Law } from "./law.ts";
import { part, type Source, type Syntax, walk } from "./source.ts";

export const limits = {
  fileLines: 400,
  testLines: 600,
  medianFileLines: 120,
  functionLines: 60,
  medianFunctionLines: 10,
};

const functionTypes = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

/** Lines of text; the newline at the end of the file does not begin another. */
export const linesOf = (text: string): number => text.replace(/\n$/, "").split("\n").length;

const height = (source: Source, node: Syntax): number => linesOf(source.text.slice(node.start, node.end));

/** A suite of tests is a list of sentences, not a function to understand at once. */
function isSuite(source: Source, node: Syntax): boolean {
  if (!source.isTest) return false;
  let suite = false;
  walk(node, (inner) => {
    const callee = part(inner, "callee");
    if (inner.type !== "CallExpression" || callee === undefined) return;
    if (/^(test|it|describe)\b/.test(source.text.slice(callee.start, callee.end))) suite = true;
  });
  return suite;
}

interface Measured {
  readonly node: Syntax;
  readonly lines: number;
  /** Functions that have a name of their own; callbacks are part of the function around them. */
  readonly named: boolean;
}

const namingParents = new Set(["VariableDeclarator", "MethodDefinition", "PropertyDefinition", "Property"]);

export function functionsOf(source: Source): readonly Measured[] {
  const found: Measured[] = [];
  walk(source.program, (node, [parent]) => {
    if (!functionTypes.has(node.type) || !part(node, "body")) return;
    const named = node.type === "FunctionDeclaration" || (parent !== undefined && namingParents.has(parent.type));
    found.push({ node, lines: height(source, node), named });
  });
  return found;
}

export const sizeLaws: readonly Law[] = [
  {
    says: `a file has at most ${limits.fileLines} lines, a test ${limits.testLines}`,
    find: (source) => {
      const limit = source.isTest ? limits.testLines : limits.fileLines;
      const lines = linesOf(source.text);
      return lines > limit ? [{ path: source.path, line: limit, why: `${lines} lines, more than ${limit}` }] : [];
    },
  },
  {
    says: `a function has at most ${limits.functionLines} lines`,
    find: (source) =>
      functionsOf(source)
        .filter(({ lines, node }) => lines > limits.functionLines && !isSuite(source, node))
        .map(({ node, lines }) => findingAt(source, node, `a function of ${lines} lines`)),
  },
];
