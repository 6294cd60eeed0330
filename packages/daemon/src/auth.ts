/** Who may call: the bearer token, compared in a time that tells nothing. */
import { createHash, timingSafeEqual } from "node:crypto";
import { Fault } from "@corral/protocol";

const open: ReadonlySet<string> = new Set(["/", "/docs", "/openapi.json", "/v1/health"]);

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

export interface AuthorizeOptions {
  /** A browser cannot set headers on a WebSocket: there the token may come as `?access_token=`. */
  readonly upgrade?: boolean;
}

export type Authorize = (request: Request, options?: AuthorizeOptions) => void;

function bearerOf(header: string | null): string | undefined {
  return /^bearer +(\S+) *$/i.exec(header ?? "")?.[1];
}

const isOpen = (request: Request): boolean =>
  request.method === "OPTIONS" || (/^(GET|HEAD)$/.test(request.method) && open.has(new URL(request.url).pathname));

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
  return (request, { upgrade = false } = {}) => {
    if (!upgrade && isOpen(request)) return;
    if (fits(bearerOf(request.headers.get("authorization")))) return;
    if (upgrade && fits(new URL(request.url).searchParams.get("access_token"))) return;
    const shown = request.headers.has("authorization");
    throw new Fault("auth.required", {
      detail: shown ? "The token is not the daemon's." : "The request shows no token.",
      help: "Send the daemon's token as `Authorization: Bearer …`.",
    });
  };
}
