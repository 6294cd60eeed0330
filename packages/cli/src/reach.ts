/** Finds the daemon of a state directory, or stands in for it: both are reached by the same client. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Corral, connect } from "@corral/client";
import { Fault, isFault } from "@corral/protocol";
import type { Composed } from "./compose.ts";
import type { Config } from "./config.ts";
import { readServerFile, type ServerRecord } from "./server-file.ts";
import { tokenOfServer } from "./token.ts";

export interface Reached extends AsyncDisposable {
  readonly corral: Corral;
  /** `here`: within this process, for as long as this command runs. */
  readonly where: "daemon" | "here";
  readonly url?: string;
}

export interface ReachOptions {
  /** What happens when no daemon runs: the kernel is put together in this process, or it is a fault. */
  readonly otherwise: "here" | "fault";
}

const reachedAt = (url: string, token: string | undefined): Reached => ({
  corral: connect({ url, ...(token === undefined ? {} : { token }) }),
  where: "daemon",
  url,
  [Symbol.asyncDispose]: async () => undefined,
});

/** A daemon that was killed leaves its file behind; only an answer counts. */
export async function isAnswering(url: string, limitMs = 3_000): Promise<boolean> {
  try {
    const answer = await fetch(new URL("/v1/health", url), { signal: AbortSignal.timeout(limitMs) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    // Refused, cut or too late: nobody is there.
    return false;
  }
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** The daemon that uses this state directory, if one does and answers. */
export async function findServer({ stateDir }: Pick<Config, "stateDir">): Promise<ServerRecord | undefined> {
  const server = await readServerFile(stateDir);
  return server && isRunning(server.pid) && (await isAnswering(server.url)) ? server : undefined;
}

const reachedHere = ({ daemon, close }: Composed): Reached => ({
  corral: connect({
    url: "http://127.0.0.1",
    fetch: (url, init) => daemon.fetch(new Request(url, init)),
  }),
  where: "here",
  [Symbol.asyncDispose]: close,
});

/** A daemon takes its directory before it listens, so one that is just starting is waited for a little. */
const startingMs = 5_000;

async function serverWithin(config: Config, limitMs: number): Promise<ServerRecord | undefined> {
  const until = Date.now() + limitMs;
  for (;;) {
    const server = await findServer(config);
    if (server || Date.now() >= until) return server;
    await sleep(100);
  }
}

async function standIn(config: Config, log: (line: string) => void): Promise<Reached> {
  // The kernel is loaded only by those who have no daemon: it costs more than all the rest.
  const { compose } = await import("./compose.ts");
  try {
    return reachedHere(await compose(config, { open: true, log }));
  } catch (error) {
    if (!isFault(error, "store.locked")) throw error;
    const server = await serverWithin(config, startingMs);
    if (server) return reachedAt(server.url, await tokenOfServer(config, server));
    throw new Fault("store.locked", {
      detail: `${error.message}, and it does not answer at an address that can be found`,
      help: "Let the other command end, or start `corral serve` once so that commands can share it.",
      cause: error,
    });
  }
}

const unreachable = (config: Config): Fault =>
  new Fault("daemon.unreachable", {
    detail: `No daemon runs on the state directory ${config.stateDir}`,
    help: "Start one with `corral serve`, or name another with --url or --state.",
  });

export async function reach(
  config: Config,
  { otherwise }: ReachOptions,
  log: (line: string) => void = () => undefined,
): Promise<Reached> {
  if (config.url !== undefined) return reachedAt(config.url, config.token);
  const server = await findServer(config);
  if (server) return reachedAt(server.url, await tokenOfServer(config, server));
  if (otherwise === "fault") throw unreachable(config);
  return standIn(config, log);
}
