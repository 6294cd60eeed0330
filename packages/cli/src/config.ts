/** Where settings come from: flags, then the environment, then the config file, then defaults. Nothing else reads the environment. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { defaultPort, Fault } from "@corral/protocol";
import { z } from "zod";
import type { CustomAgents } from "./custom-agents.ts";
import { fieldPath, type Settings, settingsSchema, settingsTable, textSettings } from "./settings.ts";

/** What the executable was started with, taken once. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
}

export const worldOf = (): World => ({
  env: { ...process.env },
  cwd: process.cwd(),
  home: process.env.HOME || homedir(),
});

export interface Config {
  readonly stateDir: string;
  /** Where agents are installed; several state directories may share it. */
  readonly programsDir: string;
  readonly host: string;
  readonly port: number;
  /** A daemon to talk to, wherever it keeps its state; absent means the one of this state directory. */
  readonly url?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly agent: string;
  /** Agents that are not built in, by their name. */
  readonly agents: CustomAgents;
  readonly cors: { readonly origins: readonly string[]; readonly credentials: boolean };
  readonly allowedHosts: readonly string[];
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** The surroundings as they are: npm's own settings and people's logins are picked from them. */
  readonly world: World;
}

/** The flags that a command was given; only those that the person wrote. */
export interface ConfigFlags extends Settings {
  readonly config?: string;
  readonly token?: string;
}

/** Every child may have these; nothing else of the environment goes further. */
const passedOn = /^(PATH|HOME|LANG|LC_\w+|TERM|TZ|SSL_CERT_\w+|(HTTP|HTTPS|ALL|NO)_PROXY|(http|https|all|no)_proxy)$/;

export const hostEnvOf = ({ env, home }: World): Readonly<Record<string, string>> => ({
  HOME: home,
  ...Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value !== undefined && passedOn.test(name) ? [[name, value]] : [])),
  ),
});

/** The values of the secrets that a person named; one that is not set is refused rather than sent empty. */
export function secretsNamed(names: readonly string[], { env }: World): Readonly<Record<string, string>> {
  const missing = names.filter((name) => !env[name]);
  if (missing.length > 0) {
    throw new Fault("config.invalid", {
      detail: `--secret names ${missing.join(", ")}, which your environment does not have`,
      help: `Set it first, for example: export ${missing[0]}=…`,
    });
  }
  return Object.fromEntries(names.map((name) => [name, env[name] ?? ""]));
}

const refuse = (detail: string, help: string, cause?: unknown): Fault =>
  new Fault("config.invalid", { detail, help, cause });

/** One source of settings, and how it calls each of them when one is wrong. */
interface Layer {
  readonly written: unknown;
  readonly nameOf: (path: string) => string;
  /** What a relative path is relative to. */
  readonly folder: string;
}

function settle({ written, nameOf, folder }: Layer): Settings {
  const parsed = settingsSchema.safeParse(written);
  if (!parsed.success) {
    const said = parsed.error.issues.map((issue) => `${nameOf(fieldPath(issue.path))}: ${issue.message}`);
    throw refuse(said.join("; "), "Correct it and try again; `corral serve --help` lists the settings.");
  }
  const { state, data, tokenFile, agents, ...rest } = parsed.data;
  return {
    ...rest,
    ...(state === undefined ? {} : { state: resolve(folder, state) }),
    ...(data === undefined ? {} : { data: resolve(folder, data) }),
    ...(tokenFile === undefined ? {} : { tokenFile: resolve(folder, tokenFile) }),
    ...(agents === undefined ? {} : { agents: placed(agents, folder) }),
  };
}

/** A command with a folder in it is a path like all others; one without is looked for on the PATH. */
const placed = (agents: CustomAgents, folder: string): CustomAgents =>
  Object.fromEntries(
    Object.entries(agents).map(([name, { command, ...agent }]) => [
      name,
      { ...agent, command: command.includes(sep) ? resolve(folder, command) : command },
    ]),
  );

const flagLayer = (flags: Settings, { cwd }: World): Settings =>
  settle({ written: flags, nameOf: (path) => settingsTable[path.split(/[.[]/)[0] ?? ""]?.flag ?? path, folder: cwd });

function envLayer({ env, cwd }: World): Settings {
  const nameOf = (path: string) => settingsTable[path.split(/[.[]/)[0] ?? ""]?.env ?? path;
  return settle({ written: textSettings(env), nameOf, folder: cwd });
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw refuse(`${file} cannot be read (${(error as Error).message})`, "Make it readable, or remove it.", error);
  }
}

/** The named file must be there; the usual one may be. */
async function fileLayer(named: string | undefined, world: World): Promise<Settings> {
  const usual = join(world.env.XDG_CONFIG_HOME || join(world.home, ".config"), "corral", "config.json");
  const file = named === undefined ? usual : resolve(world.cwd, named);
  const text = await readIfThere(file);
  if (text === undefined) {
    if (named === undefined) return {};
    throw refuse(`The config file ${file} does not exist`, "Write it, or name another one with --config.");
  }
  return settle({ written: parseJson(text, file), nameOf: (path) => `${file}: ${path}`, folder: dirname(file) });
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refuse(`${file} is not JSON: ${(error as Error).message}`, "Correct the file, or remove it.", error);
  }
}

const tokenSchema = z.string().regex(/^[\x21-\x7e]{1,1000}$/);

async function tokenFrom(file: string): Promise<string> {
  const text = await readIfThere(file);
  if (text === undefined) {
    throw refuse(`The token file ${file} does not exist`, "Write a token into it: openssl rand -hex 32 > FILE");
  }
  return checkToken(text.trim(), file);
}

function checkToken(token: string, where: string): string {
  if (tokenSchema.safeParse(token).success) return token;
  throw refuse(`The token of ${where} is empty or has characters other than visible ASCII`, "Write another token.");
}

/** The first source that says anything about the token decides, be it the token itself or a file with it. */
async function readToken(flags: ConfigFlags, settings: Settings, { env }: World): Promise<string | undefined> {
  if (flags.token !== undefined) return checkToken(flags.token, "--token");
  if (flags.tokenFile === undefined && env.CORRAL_TOKEN) return checkToken(env.CORRAL_TOKEN, "CORRAL_TOKEN");
  return settings.tokenFile === undefined ? undefined : tokenFrom(settings.tokenFile);
}

const usualState = ({ env, home }: World): string =>
  join(env.XDG_STATE_HOME || join(home, ".local", "state"), "corral");

const usualPrograms = ({ env, home }: World): string =>
  join(env.XDG_DATA_HOME || join(home, ".local", "share"), "corral");

const present = <Some extends object>(some: Some): Partial<Some> =>
  Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined)) as Partial<Some>;

export async function readConfig({ config, token, ...flags }: ConfigFlags, world: World): Promise<Config> {
  const settings: Settings = {
    ...(await fileLayer(config ?? world.env.CORRAL_CONFIG, world)),
    ...present(envLayer(world)),
    ...present(flagLayer(present(flags), world)),
  };
  const secret = await readToken({ ...flags, ...(token === undefined ? {} : { token }) }, settings, world);
  return {
    stateDir: settings.state ?? usualState(world),
    programsDir: settings.data ?? usualPrograms(world),
    host: settings.host ?? "127.0.0.1",
    port: settings.port ?? defaultPort,
    ...(settings.url === undefined ? {} : { url: settings.url }),
    ...(secret === undefined ? {} : { token: secret }),
    ...(settings.tokenFile === undefined ? {} : { tokenFile: settings.tokenFile }),
    agent: settings.agent ?? "scripted",
    agents: settings.agents ?? {},
    cors: { origins: settings.corsOrigins ?? [], credentials: settings.corsCredentials ?? false },
    allowedHosts: settings.allowedHosts ?? [],
    hostEnv: hostEnvOf(world),
    cwd: world.cwd,
    world,
  };
}
