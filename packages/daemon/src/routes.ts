/** Which paths there are, read off the contract: what answers at each of them, and what a caller at the wrong door is told. */
import { contract, Fault, type Operation, type OperationName } from "@corral/protocol";
import type { Call } from "./call.ts";

/** One of that name would stand in a page's place. */
type NoOperation = { readonly [Name in OperationName]?: never };

const pages = {
  cover: { method: "GET", path: "/" },
  docs: { method: "GET", path: "/docs" },
  document: { method: "GET", path: "/openapi.json" },
} as const satisfies Readonly<Record<string, Pick<Operation, "method" | "path">>> & NoOperation;

export type PageName = keyof typeof pages;

interface Line {
  readonly name: PageName | OperationName;
  readonly method: string;
  readonly pattern: RegExp;
}

const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`);

const table: Readonly<Record<PageName | OperationName, Pick<Operation, "method" | "path">>> = { ...pages, ...contract };

const lines: readonly Line[] = (Object.keys(table) as (keyof typeof table)[]).map((name) => ({
  name,
  method: table[name].method,
  pattern: patternOf(table[name].path),
}));

/** The methods that a path takes; none when there is no such path. */
export function methodsOf(path: string): readonly string[] {
  const methods = lines.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
  if (methods.length === 0) return [];
  return [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"].sort();
}

/** What is not UTF-8 stays as it is: no name of anything looks so. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

export interface Route {
  readonly name: PageName | OperationName;
  readonly params: Readonly<Record<string, string>>;
}

/** What answers a call: HEAD is answered by what answers GET. */
export function findRoute({ method, url }: Pick<Call, "method" | "url">): Route {
  const path = url.pathname;
  const wanted = method === "HEAD" ? "GET" : method;
  for (const line of lines) {
    const found = line.method === wanted ? line.pattern.exec(path) : undefined;
    if (!found) continue;
    const params = Object.entries(found.groups ?? {}).map(([name, segment]) => [name, decoded(segment)]);
    return { name: line.name, params: Object.fromEntries(params) };
  }
  throw missingRoute(method, path);
}

/** Why a request found no handler: a method that its path does not take, or a path that is not there. */
export function missingRoute(method: string, path: string): Fault {
  const allow = methodsOf(path);
  const help = "The routes are listed at /docs and /openapi.json.";
  if (allow.length === 0) return new Fault("route.missing", { detail: `Nothing is at ${path.slice(0, 255)}.`, help });
  return new Fault("route.method", { detail: `${path.slice(0, 255)} does not take ${method}.`, help, more: { allow } });
}
