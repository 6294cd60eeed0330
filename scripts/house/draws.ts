/** The law of draws: what chance has found is not lost by trying again. */
import { type Finding, findingAt, type Law } from "./law.ts";
import { dotted, part, type Source, type Syntax, walk } from "./source.ts";

/** What draws each time it is called. fast-check is not among them: its failures name their seeds, and are known by that. */
const draws = new Set(["runQuick", "freshSeed", "Math.random", "randomInt", "crypto.randomInt"]);

const isNoRetry = (node: Syntax): boolean =>
  node.type === "Property" && part(node, "key")?.name === "retry" && part(node, "value")?.value === 0;

function drawsIn(source: Source): readonly Finding[] {
  const found: Finding[] = [];
  let excused = false;
  walk(source.program, (node) => {
    excused ||= isNoRetry(node);
    const callee = node.type === "CallExpression" ? (dotted(part(node, "callee")) ?? "") : "";
    if (draws.has(callee)) found.push(findingAt(source, node, `${callee}: the test that draws says \`retry: 0\``));
  });
  return excused ? [] : found;
}

export const drawLaw: Law = {
  says: "a test file that draws by chance says which test is not tried again",
  find: (source) => (source.path.endsWith(".test.ts") ? drawsIn(source) : []),
};
