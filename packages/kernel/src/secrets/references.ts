/** Secrets inside the settings of MCP servers: written as `$NAME`, put in when the harness is launched, and never stored. */
import type { Secrets } from "./redact.ts";

type McpServer = Readonly<Record<string, unknown>>;
type Setting = Readonly<Record<string, unknown>>;

const reference = /\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?/g;

/** The parts of an MCP server in which a secret may stand: lists of names and values. */
const places = ["env", "headers"] as const;

const isSetting = (thing: unknown): thing is Setting => typeof thing === "object" && thing !== null;

const settingsOf = (server: McpServer, place: (typeof places)[number]): readonly Setting[] => {
  const list = server[place];
  return Array.isArray(list) ? list.filter(isSetting) : [];
};

/** The names that the servers refer to; a session may be given secrets of these names, whatever its agent takes itself. */
export function referencedSecrets(servers: readonly McpServer[]): readonly string[] {
  const values = servers.flatMap((server) =>
    places.flatMap((place) => settingsOf(server, place).map(({ value }) => value)),
  );
  const names = values.flatMap((value) =>
    typeof value === "string" ? [...value.matchAll(reference)].map(([, name]) => name ?? "") : [],
  );
  return [...new Set(names)];
}

/** The servers as the harness gets them. A name that is no secret stays as it is written. */
export function fillReferences(servers: readonly McpServer[], secrets: Secrets): readonly McpServer[] {
  const fill = (value: unknown): unknown =>
    typeof value === "string"
      ? value.replaceAll(reference, (written, name: string) => secrets[name] ?? written)
      : value;
  return servers.map((server) => ({
    ...server,
    ...Object.fromEntries(
      places
        .filter((place) => Array.isArray(server[place]))
        .map((place) => [place, settingsOf(server, place).map((one) => ({ ...one, value: fill(one.value) }))]),
    ),
  }));
}

/** What the harness itself may see: only names that its driver declares. */
export const declaredSecrets = (secrets: Secrets | undefined, names: readonly string[]): Secrets =>
  Object.fromEntries(Object.entries(secrets ?? {}).filter(([name]) => names.includes(name)));
