/** Where a request may come from: the Host it names, the Origin that sent it, and what CORS tells browsers about it. */
import { contract, Fault, type Operation } from "@corral/protocol";
import type { Call } from "./call.ts";

export interface Cors {
  /** Exact origins such as `https://app.example.org`, or `*` for any (never together with credentials). */
  readonly origins: readonly string[];
  readonly credentials?: boolean;
  /** Beside the methods and headers that the API uses itself. */
  readonly methods?: readonly string[];
  readonly headers?: readonly string[];
}

export interface OriginNeed {
  readonly cors?: Cors | undefined;
  /** Names under which the daemon may be called beside loopback and the address it listens on. */
  readonly allowedHosts?: readonly string[] | undefined;
}

export interface OriginCheck {
  /** Throws `auth.host` or `auth.origin`. */
  check(call: Call, listening: readonly string[]): void;
  /** What every answer to this request says about it. */
  headersFor(call: Call): Readonly<Record<string, string>>;
  /** What only the answer to a preflight says. */
  readonly preflightHeaders: Readonly<Record<string, string>>;
}

const configFault = (detail: string, help: string): Fault => new Fault("config.invalid", { detail, help });

const hostUrl = (host: string, scheme = "http:"): URL | undefined =>
  /[/?#@\\]/.test(host) ? undefined : (URL.parse(`${scheme}//${host}`) ?? undefined);

/** A host without its port, as URLs spell it: lower case, IPv6 in brackets. */
export function hostName(host: string): string | undefined {
  const bare = host.includes(":") && !host.startsWith("[") && host.split(":").length > 2 ? `[${host}]` : host;
  return hostUrl(bare)?.hostname;
}

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

export const isLoopback = (host: string): boolean => loopback.test(hostName(host) ?? "");

function validOrigin(origin: string): string {
  if (origin === "*" || origin === "null") return origin;
  const parsed = URL.parse(origin)?.origin;
  if (parsed === origin.toLowerCase()) return parsed;
  throw configFault(
    `"${origin}" is not an origin.`,
    parsed && parsed !== "null" ? `Write it as ${parsed}.` : "Write it as https://app.example.org, without a path.",
  );
}

function validOrigins({ origins = [], credentials = false }: Partial<Cors>): ReadonlySet<string> {
  const valid = new Set(origins.map(validOrigin));
  if (valid.has("*") && credentials) {
    throw configFault(
      "Credentials cannot be allowed to every origin.",
      "Name the origins that may send credentials, or leave credentials away: a bearer token needs none.",
    );
  }
  return valid;
}

const allOperations: readonly Operation[] = Object.values(contract);
const ownMethods = ["HEAD", "OPTIONS", ...new Set(allOperations.map(({ method }) => method))].sort();
const ownHeaders = ["accept", "authorization", "content-type", "idempotency-key", "last-event-id"];
const exposedHeaders = ["allow", "retry-after", "www-authenticate"];
const preflightSeconds = 600;

const calledHost = ({ headers, url }: Call): string => headers.get("host") ?? url.host;

function isSameOrigin(call: Call, origin: string): boolean {
  const from = URL.parse(origin);
  return from !== null && hostUrl(calledHost(call), from.protocol)?.host === from.host;
}

export function createOriginCheck({ cors = { origins: [] }, allowedHosts = [] }: OriginNeed): OriginCheck {
  const origins = validOrigins(cors);
  const listed = (origin: string): boolean => origins.has("*") || origins.has(origin.toLowerCase());
  const named = new Set(allowedHosts.map(hostName));
  const isOurs = (host: string, listening: readonly string[]): boolean => {
    const name = hostName(host);
    return (
      name !== undefined &&
      (loopback.test(name) || named.has(name) || listening.some((ours) => hostName(ours) === name))
    );
  };
  return {
    check(call, listening) {
      const host = calledHost(call);
      if (!isOurs(host, listening)) {
        throw new Fault("auth.host", {
          detail: `The request was meant for ${JSON.stringify(host.slice(0, 255))}.`,
          help: "Call the daemon by its address, or add the name to the hosts it may be called by.",
        });
      }
      const origin = call.headers.get("origin");
      if (origin === null || isSameOrigin(call, origin) || listed(origin)) return;
      throw new Fault("auth.origin", {
        detail: `The request came from ${JSON.stringify(origin.slice(0, 255))}.`,
        help: "Add the origin to those that the daemon lets in.",
      });
    },
    headersFor({ headers }) {
      const origin = headers.get("origin");
      if (origin === null || !listed(origin)) return { vary: "origin" };
      return {
        vary: "origin",
        "access-control-allow-origin": origin,
        "access-control-expose-headers": exposedHeaders.join(", "),
        ...(cors.credentials ? { "access-control-allow-credentials": "true" } : {}),
      };
    },
    preflightHeaders: {
      "access-control-allow-methods": [...new Set([...ownMethods, ...(cors.methods ?? [])])].join(", "),
      "access-control-allow-headers": [...new Set([...ownHeaders, ...(cors.headers ?? [])])].join(", "),
      "access-control-max-age": String(preflightSeconds),
    },
  };
}
