/** The laws of types: nothing that turns the checker off, and nothing that Node cannot erase. */
import { findingAt, type Law } from "./law.ts";
import { part, type Source, type Syntax, walk } from "./source.ts";

/** `declare module "vitest" { … }` adds to the types of another package; nothing of it is left to run. */
const isAddition = (node: Syntax): boolean =>
  node.type === "TSModuleDeclaration" && part(node, "id")?.type === "Literal";

/** One law that forbids some kinds of syntax. */
const syntaxLaw = (says: string, why: Readonly<Record<string, string>>, applies = (_: Source) => true): Law => ({
  says,
  find: (source) => {
    const found: Syntax[] = [];
    if (applies(source))
      walk(source.program, (node) => void (node.type in why && !isAddition(node) && found.push(node)));
    return found.map((node) => findingAt(source, node, why[node.type] ?? node.type));
  },
});

export const typeLaws: readonly Law[] = [
  syntaxLaw("nothing has the type any", { TSAnyKeyword: "any: say what it is, or unknown" }),
  syntaxLaw(
    "nothing is asserted to be there, outside tests",
    { TSNonNullExpression: "!: handle the absence" },
    (source) => !source.isTest,
  ),
  syntaxLaw("every type can be erased", {
    TSEnumDeclaration: "enum: use a union of strings",
    TSModuleDeclaration: "namespace: use a module",
    TSParameterProperty: "parameter property: write the field out",
    TSExportAssignment: "export =: use a named export",
  }),
];
