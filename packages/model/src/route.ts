/** Which address means what: paths count from their end, so that any base address in front of them will do. */
import type { Target } from "./dialects/dialect.ts";
import type { ListStyle } from "./model-lists.ts";
import type { DialectId } from "./request.ts";

export type Route =
  | { readonly is: "reply" | "count"; readonly dialect: DialectId; readonly target: Target }
  | { readonly is: "models"; readonly style: ListStyle; readonly id?: string }
  | { readonly is: "hello" | "none" };

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly isAnthropic: boolean;
}

const posts: readonly (readonly [RegExp, "reply" | "count", DialectId])[] = [
  [/\/chat\/completions$/, "reply", "chat"],
  [/\/responses$/, "reply", "responses"],
  [/\/responses\/input_tokens$/, "count", "responses"],
  [/\/messages$/, "reply", "messages"],
  [/\/messages\/count_tokens$/, "count", "messages"],
  [/\/models\/[^/:]+:(?:generateContent|streamGenerateContent)$/, "reply", "gemini"],
  [/\/models\/[^/:]+:countTokens$/, "count", "gemini"],
];

/** Gemini says in the path what the others say in the body. */
function targetOf(path: string): Target {
  const [, model, verb] = /\/models\/([^/:]+):(\w+)$/.exec(path) ?? [];
  return model === undefined ? {} : { model: decoded(model), stream: verb === "streamGenerateContent" };
}

/** A path that is not well encoded names what it says. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Only a malformed escape is thrown.
  }
}

function modelsRoute({ path, isAnthropic }: Asked): Route | undefined {
  const [, id] = /\/models(?:\/(.+))?$/.exec(path) ?? [undefined, ""];
  if (id === "") return undefined;
  const style = /\/v1beta\d*\//.test(path) ? "gemini" : isAnthropic ? "anthropic" : "openai";
  return { is: "models", style, ...(id === undefined ? {} : { id: decoded(id) }) };
}

export function routeOf(asked: Asked): Route {
  const { method, path } = asked;
  if (method === "POST") {
    const [, is, dialect] = posts.find(([pattern]) => pattern.test(path)) ?? [];
    return is === undefined || dialect === undefined ? { is: "none" } : { is, dialect, target: targetOf(path) };
  }
  if (method !== "GET" && method !== "HEAD") return { is: "none" };
  // Claude Code knocks at / and at /api/hello before it begins.
  return path === "/" || path === "/api/hello" ? { is: "hello" } : (modelsRoute(asked) ?? { is: "none" });
}
