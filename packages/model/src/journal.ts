/** What the model server was asked: every request, without any key. */
import { createHash } from "node:crypto";
import type { Purpose } from "./prompt.ts";
import type { Usage } from "./reply.ts";
import type { DialectId } from "./request.ts";

/** How a request showed its key, and a mark of the key by which two can be told apart. */
export interface Authorization {
  readonly scheme: "bearer" | "x-api-key" | "x-goog-api-key" | "query" | "other";
  /** The first twelve digits of the key's SHA-256. */
  readonly keySha256: string;
}

/** A request of a model; the fields of an answer come with the answer. */
export interface Call {
  /** From 1 since the start or the last reset. */
  readonly n: number;
  readonly at: string;
  readonly method: string;
  /** Without the query, which may hold a key. */
  readonly path: string;
  readonly authorization?: Authorization;
  readonly dialect?: DialectId;
  readonly purpose?: Purpose;
  readonly model?: string;
  readonly stream?: boolean;
  /** How many texts of a person the conversation holds. */
  readonly userMessages?: number;
  /** The newest of them, at most 2000 letters. */
  readonly prompt?: string;
  /** All that stands in the role of the user, with what the harness put around it; the newest 8000 letters. */
  readonly userText?: string;
  /** A mark of the instructions by which two requests can be told apart. */
  readonly systemSha256?: string;
  /** How many tool results came since. */
  readonly toolResults?: number;
  /** The newest of them, at most 2000 letters. */
  readonly toolText?: string;
  readonly tools?: readonly string[];
  readonly imageCount?: number;
  readonly effort?: string;
  /** The tools that the answer calls. */
  readonly calls?: readonly string[];
  readonly status?: number;
  /** As it was told to the harness; absent where the answer never got so far. */
  readonly usage?: Usage;
  /** The caller went away before the answer was whole. */
  readonly aborted: boolean;
  /** When the answer was whole, cut or given up; absent while it goes on. */
  readonly endedAt?: string;
}

type Fields = Omit<Partial<Call>, "n">;

/** Adds to a call what became known of it since. */
export type Note = (more: Fields) => void;

export interface Journal {
  calls(): readonly Call[];
  open(first: Pick<Call, "at" | "method" | "path" | "authorization">): Note;
  clear(): void;
}

export function createJournal(): Journal {
  let calls: Call[] = [];
  return {
    calls: () => [...calls],
    open(first) {
      const [list, at] = [calls, calls.length];
      let call: Call = { n: at + 1, aborted: false, ...first };
      list.push(call);
      // What is told of a call from before a reset goes to the list of that time, where nobody looks.
      return (more) => {
        call = { ...call, ...more };
        list[at] = call;
      };
    },
    clear() {
      calls = [];
    },
  };
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

const keySha256 = (key: string): string => createHash("sha256").update(key).digest("hex").slice(0, 12);

export function authorizationOf(headers: Headers, query: URLSearchParams): Authorization | undefined {
  const bearer = /^Bearer\s+(.+)$/i.exec(String(headers.authorization ?? ""))?.[1];
  const shown: readonly (readonly [Authorization["scheme"], unknown])[] = [
    ["bearer", bearer],
    ["x-api-key", headers["x-api-key"]],
    ["x-goog-api-key", headers["x-goog-api-key"]],
    ["query", query.get("key")],
    ["other", headers.authorization],
  ];
  const [scheme, key] = shown.find(([, value]) => Boolean(value)) ?? [];
  return scheme === undefined ? undefined : { scheme, keySha256: keySha256(String(key)) };
}
