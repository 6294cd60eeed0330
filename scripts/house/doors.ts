/** The laws of the doors: time, chance and the environment come in at few places, and the environment is never written. */
import { type Finding, findingAt, type Law } from "./law.ts";
import { dotted, part, parts, type Source, type Syntax, walk } from "./source.ts";

/** Where time, chance and the environment may come in. */
export const doors: readonly { readonly place: RegExp; readonly why: string }[] = [
  { place: /^packages\/kernel\/src\/ports\/clock[^/]*$/, why: "the clock is the door" },
  { place: /^packages\/cli\//, why: "the executable reads the environment for everyone" },
  { place: /^packages\/drivers\/src\/scripted\//, why: "a program of its own, outside the daemon" },
  { place: /^packages\/client\/src\/sleep\.ts$/, why: "the client's one way to wait; it cannot import the clock" },
  { place: /^packages\/conformance\/src\/(agents|programs)\//, why: "programs of their own, which the cases start" },
  { place: /^(scripts|examples)\//, why: "programs that a person starts" },
];

const behindDoors = new Set([
  "Date.now",
  "Math.random",
  "performance.now",
  "process.env",
  "process.cwd",
  "process.hrtime",
  "AbortSignal.timeout",
]);

/** Functions that the platform hands to everybody. */
const globals = new Set(["setTimeout", "setInterval", "setImmediate"]);

const throughModules: Readonly<Record<string, readonly string[]>> = {
  "node:timers": ["*"],
  "node:timers/promises": ["*"],
  "node:perf_hooks": ["performance"],
  "node:process": ["env", "cwd", "hrtime"],
  "node:crypto": ["randomBytes", "randomUUID", "randomInt", "getRandomValues", "randomFillSync"],
};

const withoutGlobal = (name: string): string => name.replace(/^globalThis\./, "");

function isReference(node: Syntax, parent: Syntax | undefined): boolean {
  if (parent?.type === "MemberExpression") return parent.object === node || parent.computed === true;
  // Types speak of functions without calling them.
  return parent?.type !== "TSTypeQuery" && !(parent?.key === node && parent.shorthand !== true);
}

function reachesOut(node: Syntax, parent: Syntax | undefined): string | undefined {
  if (node.type === "Identifier")
    return globals.has(String(node.name)) && isReference(node, parent) ? String(node.name) : undefined;
  if (node.type === "MemberExpression") {
    const name = withoutGlobal(dotted(node) ?? "");
    return behindDoors.has(name) || globals.has(name) ? name : undefined;
  }
  const callee = dotted(part(node, "callee"));
  if (node.type === "NewExpression" && callee === "Date" && parts(node, "arguments").length === 0) return "new Date()";
  if (node.type === "CallExpression" && callee === "Date") return "Date()";
  return undefined;
}

function importsThroughWall(node: Syntax): string | undefined {
  const names = node.type === "ImportDeclaration" ? throughModules[String(part(node, "source")?.value)] : undefined;
  if (names === undefined || node.importKind === "type") return undefined;
  return parts(node, "specifiers")
    .map((one) => String((part(one, "imported") ?? part(one, "local"))?.name))
    .find((name) => names.includes(name) || names.includes("*"));
}

const isOpen = (source: Source): boolean => source.isTest || doors.some(({ place }) => place.test(source.path));

const doorLaw: Law = {
  says: "time, chance and the environment come in through their doors only",
  find: (source) => {
    const found: Finding[] = [];
    if (isOpen(source)) return found;
    walk(source.program, (node, [parent]) => {
      const name = reachesOut(node, parent) ?? importsThroughWall(node);
      if (name) found.push(findingAt(source, node, `${name}: take the clock, or be given it`));
    });
    return found;
  },
};

/** Names under which a file knows the environment: process.env itself and what it is assigned to. */
function environmentNames(source: Source): ReadonlySet<string> {
  const names = new Set(["process.env"]);
  walk(source.program, (node) => {
    if (node.type === "ImportDeclaration" && part(node, "source")?.value === "node:process") {
      for (const one of parts(node, "specifiers")) {
        if (part(one, "imported")?.name === "env") names.add(String(part(one, "local")?.name));
      }
    }
    const [id, init] = [part(node, "id"), dotted(part(node, "init"))];
    if (node.type !== "VariableDeclarator") return;
    if (init !== undefined && names.has(withoutGlobal(init)) && id?.type === "Identifier") names.add(String(id.name));
    if (init !== undefined && withoutGlobal(init) === "process") {
      for (const one of parts(id, "properties")) {
        if (part(one, "key")?.name === "env") names.add(String(part(one, "value")?.name));
      }
    }
  });
  return names;
}

const writers = new Set([
  "Object.assign",
  "Object.defineProperty",
  "Object.defineProperties",
  "Reflect.set",
  "Reflect.defineProperty",
  "Reflect.deleteProperty",
]);

/** Calls that write the environment without naming it. */
const silentWriters = new Set(["vi.stubEnv", "process.loadEnvFile"]);

function writtenTo(node: Syntax): Syntax | undefined {
  if (node.type === "AssignmentExpression") return part(node, "left");
  if (node.type === "UpdateExpression" || (node.type === "UnaryExpression" && node.operator === "delete")) {
    return part(node, "argument");
  }
  const callee = dotted(part(node, "callee"));
  return node.type === "CallExpression" && callee && writers.has(callee) ? parts(node, "arguments")[0] : undefined;
}

const environmentLaw: Law = {
  says: "nothing writes process.env, tests neither (AR-01, AR-03)",
  find: (source) => {
    const known = environmentNames(source);
    const found: Finding[] = [];
    walk(source.program, (node) => {
      const target = withoutGlobal(dotted(writtenTo(node)) ?? "");
      const isCall = node.type === "CallExpression";
      const into = [...known].some(
        (name) => target.startsWith(`${name}.`) || (target === name && (isCall || name === "process.env")),
      );
      const silent = isCall && silentWriters.has(dotted(part(node, "callee")) ?? "");
      if (into || silent)
        found.push(findingAt(source, node, "writes the environment: hand a record to the child instead"));
    });
    return found;
  },
};

export const doorLaws: readonly Law[] = [doorLaw, environmentLaw];
