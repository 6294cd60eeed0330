/** The law of draws: what chance has found is not lost by trying again. */
import { type Finding, findingAt, type Law } from "./law.ts";
import { dotted, part, parts, type Source, type Syntax, walk } from "./source.ts";

/** What draws each time it is called. fast-check is not among them: its failures name their seeds, and are known by that. */
const draws = new Set(["runQuick", "freshSeed", "Math.random", "randomInt", "crypto.randomInt"]);

const suites = new Set(["describe", "suite"]);
const cases = new Set(["test", "it", "partTest"]);

/** The name that a call begins with: `test` for `test.each(rows)("…", …)`. */
function headOf(call: Syntax): string {
  const callee = part(call, "callee");
  return callee?.type === "CallExpression" ? headOf(callee) : (dotted(callee)?.split(".")[0] ?? "");
}

const isCall = (node: Syntax, names: ReadonlySet<string>): boolean =>
  node.type === "CallExpression" && names.has(headOf(node));

/** How often a test or a suite says that it is tried again; nothing when it does not say. */
function retryOf(call: Syntax): unknown {
  const options = parts(call, "arguments").find(({ type }) => type === "ObjectExpression");
  const retry = parts(options, "properties").find((one) => part(one, "key")?.name === "retry");
  return part(retry, "value")?.value;
}

/** The nearest one that says how often has it. */
function isTriedOnce(around: readonly Syntax[]): boolean {
  const calls = around.filter((node) => isCall(node, cases) || isCall(node, suites));
  return calls.map(retryOf).find((retry) => retry !== undefined) === 0;
}

interface Places {
  /** Each draw, with what it stands in, the nearest first. */
  readonly drawn: { readonly node: Syntax; readonly callee: string; readonly around: readonly Syntax[] }[];
  readonly tests: (readonly Syntax[])[];
}

function placesIn({ program }: Source): Places {
  const places: Places = { drawn: [], tests: [] };
  walk(program, (node, around) => {
    const callee = node.type === "CallExpression" ? (dotted(part(node, "callee")) ?? "") : "";
    if (draws.has(callee)) places.drawn.push({ node, callee, around });
    // The inner call of `test.each(rows)("…", …)` is no test.
    if (isCall(node, cases) && part(around[0], "callee") !== node) places.tests.push([node, ...around]);
  });
  return places;
}

function drawsIn(source: Source): readonly Finding[] {
  const { drawn, tests } = placesIn(source);
  // What is drawn outside of every test may be drawn for any of them.
  const isExcused = (around: readonly Syntax[]): boolean =>
    around.some((node) => isCall(node, cases)) ? isTriedOnce(around) : tests.every(isTriedOnce);
  return drawn
    .filter(({ around }) => !isExcused(around))
    .map(({ node, callee }) => findingAt(source, node, `${callee}: the test that draws says \`retry: 0\``));
}

export const drawLaw: Law = {
  says: "a test that draws by chance is not tried again, and says so",
  find: (source) => (source.path.endsWith(".test.ts") ? drawsIn(source) : []),
};
