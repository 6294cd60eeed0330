/** Which paths there are, and which methods each of them takes: what a caller at the wrong door is told. */
import { contract, Fault, type Operation } from "@corral/protocol";

const pages: readonly Pick<Operation, "method" | "path">[] = [
  { method: "GET", path: "/" },
  { method: "GET", path: "/docs" },
  { method: "GET", path: "/openapi.json" },
];

const operations: readonly Pick<Operation, "method" | "path">[] = [...pages, ...Object.values(contract)];

const lines = operations.map(({ method, path }) => ({
  method,
  pattern: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`),
}));

/** The methods that a path takes; none when there is no such path. */
export function methodsOf(path: string): readonly string[] {
  const methods = lines.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
  if (methods.length === 0) return [];
  return [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"].sort();
}

/** `/v1/sessions/{session}` as the router spells it: `/v1/sessions/:session`. */
export const routerPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ":$1");

/** Why a request found no handler: a method that its path does not take, or a path that is not there. */
export function missingRoute({ method, url }: Request): Fault {
  const path = new URL(url).pathname;
  const allow = methodsOf(path);
  const help = "The routes are listed at /docs and /openapi.json.";
  if (allow.length === 0) return new Fault("route.missing", { detail: `Nothing is at ${path.slice(0, 255)}.`, help });
  return new Fault("route.method", { detail: `${path.slice(0, 255)} does not take ${method}.`, help, more: { allow } });
}
