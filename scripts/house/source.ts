/** The source files of the repository as the house laws see them: text, place and syntax tree. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { parseAst } from "vitest/node";

export const root: string = dirname(dirname(import.meta.dirname));

/** A node of the syntax tree, as loose as the laws need it. */
export interface Syntax {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export interface Source {
  /** The path from the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly program: Syntax;
  /** Tests, laws of ports, and the programs that only tests start. */
  readonly isTest: boolean;
  /** `kernel` for a file in packages/kernel; `scripts` and `examples` for those folders. */
  readonly home: string;
}

const testName = /(\.(test|conformance|fixture)\.ts|(^|\/)(test|tests|fixtures)\/.*\.ts)$/;

export function parseSource(path: string, text: string): Source {
  const [first = "", second = ""] = path.split("/");
  return {
    path,
    text,
    program: parseAst(text, { lang: "ts" }) as unknown as Syntax,
    isTest: testName.test(path),
    home: first === "packages" ? second : first,
  };
}

const skipped = new Set(["node_modules", "dist", "coverage"]);

function* filesUnder(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (skipped.has(entry.name) || entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else if (entry.name.endsWith(".ts")) yield path;
  }
}

export function readSources(): readonly Source[] {
  return ["packages", "scripts", "examples"]
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => [...filesUnder(join(root, folder))])
    .map((path) => parseSource(relative(root, path).replaceAll("\\", "/"), readFileSync(path, "utf8")));
}

export const isSyntax = (thing: unknown): thing is Syntax =>
  typeof thing === "object" && thing !== null && "type" in thing && typeof thing.type === "string";

function childrenOf(node: Syntax): readonly Syntax[] {
  return Object.values(node).flatMap((value) => (Array.isArray(value) ? value : [value]).filter(isSyntax));
}

/** Visits every node with its parents, the nearest first. */
export function walk(
  node: Syntax,
  visit: (node: Syntax, parents: readonly Syntax[]) => void,
  parents: readonly Syntax[] = [],
): void {
  visit(node, parents);
  const below = [node, ...parents];
  for (const child of childrenOf(node)) walk(child, visit, below);
}

/** The field of a node that is a node itself. */
export function part(node: Syntax | undefined, field: string): Syntax | undefined {
  const value = node?.[field];
  return isSyntax(value) ? value : undefined;
}

export function parts(node: Syntax | undefined, field: string): readonly Syntax[] {
  const value = node?.[field];
  return Array.isArray(value) ? value.filter(isSyntax) : [];
}

/** A written-out name: `process.env.HOME` for a chain of members, with or without `?.` and quotes. */
export function dotted(node: Syntax | undefined): string | undefined {
  if (node?.type === "ChainExpression") return dotted(part(node, "expression"));
  if (node?.type === "Identifier") return String(node.name);
  if (node?.type !== "MemberExpression") return undefined;
  const property = part(node, "property");
  const owner = dotted(part(node, "object"));
  if (owner === undefined || property === undefined) return undefined;
  if (!node.computed) return `${owner}.${String(property.name)}`;
  return `${owner}.${property.type === "Literal" ? String(property.value) : "*"}`;
}
