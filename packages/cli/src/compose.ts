/** The composition root: the one place where a kernel is put together from its parts. */
import { createDaemon, type Daemon, type LogLine } from "@corral/daemon";
import { allLogins, harnesses as builtIn, loginVariables, openSqliteStore, withCustom } from "@corral/drivers";
import {
  createInstaller,
  createKernel,
  createProcesses,
  discoverCredentials,
  isoTime,
  type Kernel,
  ownerOf,
  systemClock,
} from "@corral/kernel";
import type { Fault } from "@corral/protocol";
import type { Config } from "./config.ts";
import { version } from "./version.ts";

export interface Composed {
  readonly kernel: Kernel;
  readonly daemon: Daemon;
  /** Resolves with the reason when nothing can be kept any more. */
  readonly lost: Promise<Fault>;
  /** Closes in the reverse order of opening. */
  close(): Promise<void>;
}

export interface ComposeOptions {
  /** Where surprises are written down; the wire only gets their id. */
  readonly log?: (line: string) => void;
  /** Whether requests must carry the token; within one process nobody needs one. */
  readonly open?: boolean;
  /** Aborted when whoever composes wants to leave before all is there. */
  readonly signal?: AbortSignal;
}

/** What the kernel did not expect is written down as the daemon writes down its own surprises. */
function surpriseLine(error: unknown, where: string): string {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const line = { at: isoTime(systemClock), level: "error", where, message, ...(stack === undefined ? {} : { stack }) };
  return JSON.stringify(line);
}

export async function compose(config: Config, { log, open = false, signal }: ComposeOptions = {}): Promise<Composed> {
  const { stateDir, programsDir, hostEnv, cwd, token, cors, allowedHosts, world, agents } = config;
  const harnesses = withCustom(builtIn, agents);
  await using opened = new AsyncDisposableStack();
  const clock = systemClock;
  const store = opened.use(await openSqliteStore({ dir: stateDir, clock }));
  const processes = opened.use(createProcesses({ clock, stateDir, owner: ownerOf(stateDir), hostEnv }));
  const surprise = (error: unknown, where: string) => log?.(surpriseLine(error, where));
  // npm works as its user has set it up: the installer picks what it needs of the surroundings, and nothing else.
  const installer = createInstaller({ programsDir, clock, processes, hostEnv: world.env });
  const credentials = () => discoverCredentials({ ...world, variables: loginVariables, logins: allLogins });
  const parts = { store, harnesses, processes, installer, credentials, clock };
  const kernel = opened.use(await createKernel({ ...parts, stateDir, hostEnv, defaultCwd: cwd, signal, surprise }));
  const daemon = createDaemon({
    kernel,
    clock,
    version,
    cors,
    allowedHosts,
    ...(token === undefined || open ? {} : { token }),
    ...(log === undefined ? {} : { log: (line: LogLine) => log(JSON.stringify(line)) }),
  });
  // The daemon goes first: whoever still waits in it is told so before the kernel closes under it.
  opened.defer(() => daemon.stop());
  const owned = opened.move();
  return { kernel, daemon, lost: store.lost, close: () => owned.disposeAsync() };
}
