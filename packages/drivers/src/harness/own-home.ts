/** A home of its own for a session's harness: it neither finds its user's files there nor leaves its own among them. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

/** Nobody listens there: harnesses that would fetch plug-ins or look for newer releases are told no at once. */
export const closedRegistry = "http://127.0.0.1:9/";

export interface OwnHomeOptions {
  /** The npm registry that the harness and its tools may use; none when absent. */
  readonly registry?: string | undefined;
}

export interface OwnHome {
  readonly home: string;
  readonly configDir: string;
  readonly shareDir: string;
  readonly env: Readonly<Record<string, string>>;
}

const homeOf = (stateDir: string): string => join(stateDir, "home");

export const shareDirOf = (stateDir: string): string => join(homeOf(stateDir), ".local", "share");

/** The directories are there when it resolves; they go with the session. */
export async function ownHome(stateDir: string, { registry = closedRegistry }: OwnHomeOptions = {}): Promise<OwnHome> {
  const home = homeOf(stateDir);
  const places = {
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_DATA_HOME: shareDirOf(stateDir),
    XDG_STATE_HOME: join(home, ".local", "state"),
    XDG_CACHE_HOME: join(home, ".cache"),
    XDG_RUNTIME_DIR: join(home, ".run"),
  };
  for (const dir of [home, ...Object.values(places)]) await mkdir(dir, { recursive: true, mode: 0o700 });
  return {
    home,
    configDir: places.XDG_CONFIG_HOME,
    shareDir: places.XDG_DATA_HOME,
    env: { HOME: home, ...places, TERM: "dumb", NO_COLOR: "1", npm_config_registry: registry },
  };
}
