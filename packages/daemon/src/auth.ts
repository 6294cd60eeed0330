/** Who may call: the bearer token, compared in a time that tells nothing. */
import { createHash, timingSafeEqual } from "node:crypto";
import { Fault } from "@corral/protocol";
import type { Call } from "./call.ts";

const open: ReadonlySet<string> = new Set(["/", "/docs", "/openapi.json", "/v1/health"]);

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

export interface AuthorizeOptions {
  /** A browser cannot set headers on a WebSocket: there the token may come as `?access_token=`. */
  readonly upgrade?: boolean;
}

export type Authorize = (call: Call, options?: AuthorizeOptions) => void;

function bearerOf(header: string | null): string | undefined {
  return /^bearer +(\S+) *$/i.exec(header ?? "")?.[1];
}

const isOpen = ({ method, url }: Call): boolean =>
  method === "OPTIONS" || (/^(GET|HEAD)$/.test(method) && open.has(url.pathname));

/** Throws `auth.required` for a request that shows no valid token; without a token everybody may call. */
export function createAuthorize(token: string | undefined): Authorize {
  if (token === undefined) return () => undefined;
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new Fault("config.invalid", {
      detail: "The token is empty or has characters that cannot stand in a header.",
      help: "Use letters, digits and signs of ASCII without spaces.",
    });
  }
  const wanted = digest(token);
  const fits = (shown: string | undefined | null): boolean =>
    typeof shown === "string" && timingSafeEqual(digest(shown), wanted);
  return (call, { upgrade = false } = {}) => {
    if (!upgrade && isOpen(call)) return;
    if (fits(bearerOf(call.headers.get("authorization")))) return;
    if (upgrade && fits(call.url.searchParams.get("access_token"))) return;
    const shown = call.headers.has("authorization");
    throw new Fault("auth.required", {
      detail: shown ? "The token is not the daemon's." : "The request shows no token.",
      help: "Send the daemon's token as `Authorization: Bearer …`.",
    });
  };
}
