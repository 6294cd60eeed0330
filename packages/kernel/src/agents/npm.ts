/** npm as an owned process: found beside Node or on the PATH, run under our Node, with an environment that is written out. */
import { existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { Fault, makeId } from "@corral/protocol";
import type { Clock } from "../ports/clock.ts";
import type { Child, Exit, Processes } from "../process/process.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface NpmNeed {
  readonly clock: Clock;
  readonly processes: Processes;
  /** PATH, HOME, proxies and npm's own settings are taken from it; npm reads its user's own configuration. */
  readonly hostEnv: Env;
  readonly node: string;
  /** npm's `npm-cli.js`; found when absent. */
  readonly npm?: string | undefined;
}

/** Other settings of a surrounding npm, such as its prefix, would send our installation elsewhere. */
const npmSettings =
  /^npm_config_(registry|cache|userconfig|globalconfig|cafile|ca|proxy|https_proxy|noproxy|strict_ssl|fetch_\w+|@.*|\/\/.*)$/i;
const systemSettings = /^(HOME|LANG|LC_\w+|TZ|SSL_CERT_\w+|NODE_EXTRA_CA_CERTS|(HTTP|HTTPS|ALL|NO)_PROXY)$/i;

/** What an installer may have of the environment that the daemon was started in. */
export const isForNpm = (name: string): boolean => npmSettings.test(name) || systemSettings.test(name);

const entry = "npm/bin/npm-cli.js";

function besideNode(node: string): readonly string[] {
  return [join(dirname(node), "..", "lib", "node_modules", entry), join(dirname(node), "node_modules", entry)];
}

function onPath(path: string): readonly string[] {
  return path
    .split(delimiter)
    .filter(Boolean)
    .flatMap((dir) => {
      const npm = join(dir, "npm");
      const real = existsSync(npm) ? realpathSync(npm) : "";
      return [...(real.endsWith("npm-cli.js") ? [real] : []), ...besideNode(join(dir, "node"))];
    });
}

export function findNpm({ node, hostEnv, npm }: Pick<NpmNeed, "node" | "hostEnv" | "npm">): string {
  const found = [...(npm ? [npm] : []), ...besideNode(node), ...onPath(hostEnv.PATH ?? "")].find(existsSync);
  if (found) return found;
  throw new Fault("agent.install", {
    detail: "npm was not found, neither beside Node nor on the PATH.",
    help: "Install Node together with npm, and start Corral with both on its PATH.",
  });
}

function npmEnv({ hostEnv, node }: NpmNeed, tempDir: string): Record<string, string> {
  const given = Object.entries(hostEnv).flatMap(([name, value]) =>
    value !== undefined && isForNpm(name) ? [[name, value]] : [],
  );
  return {
    ...Object.fromEntries(given),
    PATH: [dirname(node), hostEnv.PATH].filter(Boolean).join(delimiter),
    TMPDIR: tempDir,
    TERM: "dumb",
    CI: "1",
    NO_COLOR: "1",
  };
}

/** Said on the command line, since it outranks whatever a user's configuration says. */
const usualFlags = [
  "--no-audit",
  "--no-fund",
  "--omit=dev",
  "--include=optional",
  "--ignore-scripts",
  "--no-update-notifier",
  "--no-global",
  "--no-dry-run",
  "--package-lock",
  "--install-strategy=hoisted",
  "--loglevel=http",
  "--logs-max=0",
  "--no-progress",
  "--fetch-retries=1",
  "--fetch-retry-mintimeout=2000",
];

const lookMs = 250;

function watchLines(child: Child, clock: Clock, onLines: (lines: number, newest: string) => void): () => void {
  let seen = 0;
  const look = () => {
    const { totalLines, tail } = child.stderr();
    if (totalLines !== seen) onLines(totalLines, tail.at(-1) ?? "");
    seen = totalLines;
    takeBack = clock.after(lookMs, look);
  };
  let takeBack = clock.after(lookMs, look);
  return () => takeBack();
}

export interface NpmRun {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly offline: boolean;
  readonly signal: AbortSignal;
  /** Told how many lines npm has written of what it fetches, and the newest. */
  readonly onLines: (lines: number, newest: string) => void;
}

/** npm may wait long for a silent registry, yet not for ever. */
const npmLimitMs = 30 * 60_000;

/** Runs npm to its end; when the signal is aborted or time is up, it and whatever it started are ended. */
export async function runNpm(need: NpmNeed, { args, cwd, offline, signal, onLines }: NpmRun): Promise<Exit> {
  const { clock, processes, node } = need;
  signal.throwIfAborted();
  const run = makeId("run", clock.now(), clock.chance(16));
  const tempDir = await processes.tempDir(run);
  const child = await processes.spawn({
    run,
    name: "npm",
    command: node,
    args: [findNpm(need), ...args, ...usualFlags, ...(offline ? ["--offline"] : [])],
    cwd,
    env: npmEnv(need, tempDir),
  });
  // Should it fail, the close at the end fails the same way, where it is heard.
  const stop = () => void child.close({ eofMs: 0 }).catch((error: unknown) => error);
  const stopWatching = watchLines(child, clock, onLines);
  const takeBack = clock.after(npmLimitMs, stop);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const exit = await child.exited;
    signal.throwIfAborted();
    return exit;
  } finally {
    takeBack();
    stopWatching();
    signal.removeEventListener("abort", stop);
    await child.close({ eofMs: 0 });
  }
}
