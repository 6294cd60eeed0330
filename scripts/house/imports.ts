/** The laws of who may import whom. */
import { dirname, join } from "node:path/posix";
import type { Finding, Law } from "./law.ts";
import { findingAt } from "./law.ts";
import { part, type Source, type Syntax, walk } from "./source.ts";

/** Imports go one way: what a package may import of its neighbours. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  kernel: ["protocol"],
  drivers: ["protocol", "kernel"],
  daemon: ["protocol", "kernel"],
  client: ["protocol"],
  model: ["protocol"],
  proof: ["protocol", "kernel", "drivers", "daemon", "client"],
  conformance: ["protocol", "kernel", "model", "drivers"],
  cli: ["protocol", "kernel", "drivers", "daemon", "client", "model", "proof", "conformance"],
};

/** Packages that run in browsers and at the edge too. */
const withoutNode = ["protocol", "client"];

interface Import {
  readonly node: Syntax;
  readonly from: string;
}

const importing = new Set([
  "ImportDeclaration",
  "ExportNamedDeclaration",
  "ExportAllDeclaration",
  "ImportExpression",
  "TSImportType",
]);

export function importsOf(source: Source): readonly Import[] {
  const found: Import[] = [];
  walk(source.program, (node) => {
    if (!importing.has(node.type)) return;
    const from = part(node, "source") ?? part(node, "argument");
    if (typeof from?.value === "string") found.push({ node, from: from.value });
  });
  return found;
}

/** One law over single imports: the answer is what is wrong with the import, if anything. */
const importLaw = (says: string, wrong: (source: Source, from: string) => string | undefined): Law => ({
  says,
  find: (source) =>
    importsOf(source).flatMap(({ node, from }): readonly Finding[] => {
      const why = wrong(source, from);
      return why === undefined ? [] : [findingAt(source, node, why)];
    }),
});

const homeFolder = (source: Source): string =>
  source.path.startsWith("packages/") ? `packages/${source.home}` : source.home;

export const importLaws: readonly Law[] = [
  importLaw("packages import each other one way only", (source, from) => {
    const neighbour = /^@corral\/([^/]+)/.exec(from)?.[1];
    const allowed = mayImport[source.home];
    // A test is put together from what it needs, as a program is; only what ships has a direction.
    if (neighbour === undefined || source.isTest || !source.path.startsWith("packages/")) return undefined;
    if (allowed === undefined) return `package ${source.home} has no line in the table of directions`;
    return allowed.includes(neighbour) ? undefined : `${source.home} may not import ${from}`;
  }),
  importLaw("a relative import stays inside its package and names the file", (source, from) => {
    if (!from.startsWith(".")) return undefined;
    const target = join(dirname(source.path), from);
    if (!target.startsWith(`${homeFolder(source)}/`)) return `${from} leaves ${homeFolder(source)}`;
    return /\.(ts|json)$/.test(from) ? undefined : `${from} does not end in .ts`;
  }),
  importLaw("protocol and client import nothing of Node", (source, from) =>
    withoutNode.includes(source.home) && !source.isTest && from.startsWith("node:")
      ? `${source.home} runs in browsers and may not import ${from}`
      : undefined,
  ),
  importLaw("only the kernel's acp folder and tests know the ACP SDK", (source, from) =>
    from.startsWith("@agentclientprotocol/") && !source.isTest && !source.path.startsWith("packages/kernel/src/acp/")
      ? `${from} belongs in packages/kernel/src/acp`
      : undefined,
  ),
  importLaw("only tests import the test runner", (source, from) =>
    /^(vitest|fast-check)(\/|$)/.test(from) && !source.isTest && source.home !== "scripts"
      ? `${from} belongs in tests`
      : undefined,
  ),
];
