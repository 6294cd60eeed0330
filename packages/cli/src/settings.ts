/** The settings that a person can choose, and what each is called on the command line and in the environment. */
import { z } from "zod";
import { customAgentsSchema } from "./custom-agents.ts";

const listOfText = z.array(z.string().min(1));

export const settingsSchema = z
  .strictObject({
    state: z.string().min(1),
    data: z.string().min(1),
    host: z.string().min(1),
    port: z.int("must be a whole number").min(0).max(65_535),
    url: z.url({ protocol: /^https?$/, error: "must be an http or https address" }),
    tokenFile: z.string().min(1),
    agent: z.string().min(1),
    corsOrigins: listOfText,
    corsCredentials: z.boolean("must be true or false"),
    allowedHosts: listOfText,
    agents: customAgentsSchema,
  })
  .partial();

type Optional<Some> = { readonly [Name in keyof Some]?: Some[Name] | undefined };
export type Settings = Optional<z.infer<typeof settingsSchema>>;

interface Names {
  readonly flag: string;
  readonly env: string;
  /** How its text is read. */
  readonly read: (text: string) => unknown;
}

const asText = (text: string) => text;
const asList = (text: string) => text.split(/[\s,]+/).filter((one) => one !== "");
const asFlag = (text: string) =>
  text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : text;

/** What does not look like a number stays text, for the schema to refuse in its own words. */
export const asNumber = (text: string): unknown => (/^\d+$/.test(text) ? Number(text) : text);

export const settingsTable: Readonly<Record<string, Names>> = {
  state: { flag: "--state", env: "CORRAL_STATE", read: asText },
  data: { flag: "--data", env: "CORRAL_DATA", read: asText },
  host: { flag: "--host", env: "CORRAL_HOST", read: asText },
  port: { flag: "--port", env: "CORRAL_PORT", read: asNumber },
  url: { flag: "--url", env: "CORRAL_URL", read: asText },
  tokenFile: { flag: "--token-file", env: "CORRAL_TOKEN_FILE", read: asText },
  agent: { flag: "--agent", env: "CORRAL_AGENT", read: asText },
  corsOrigins: { flag: "--cors-allow-origin", env: "CORRAL_CORS_ALLOW_ORIGIN", read: asList },
  corsCredentials: { flag: "--cors-allow-credentials", env: "CORRAL_CORS_ALLOW_CREDENTIALS", read: asFlag },
  allowedHosts: { flag: "--allow-host", env: "CORRAL_ALLOW_HOST", read: asList },
};

/** The settings that an environment has; an empty variable is the same as none. */
export const textSettings = (env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(settingsTable).flatMap(([name, names]) => {
      const text = env[names.env];
      return text ? [[name, names.read(text)]] : [];
    }),
  );

/** `cors.origins[0]` */
export const fieldPath = (path: readonly PropertyKey[]): string =>
  path.map((key, at) => (typeof key === "number" ? `[${key}]` : `${at === 0 ? "" : "."}${String(key)}`)).join("");
