/** One life of a program that serves many: started, listened to, seen to be healthy, and closed with all that it started. */
import { rm } from "node:fs/promises";
import { isIP } from "node:net";
import { Fault, type RunId } from "@corral/protocol";
import { type WritePrivate, writePrivateIn } from "../agents/private-file.ts";
import type { Clock } from "../ports/clock.ts";
import { createByteHider } from "../secrets/hide.ts";
import type { Child, Exit, Processes, SpawnNeed, StderrTail } from "./process.ts";
import { createLineRing, createStderrFile } from "./stderr.ts";
import type { Intensity } from "./tally.ts";
import { untilHealthy } from "./until-healthy.ts";

export interface ServerPlace {
  readonly run: RunId;
  /** A private directory that goes with the server, and with the daemon's next start when the daemon is killed. */
  readonly tempDir: string;
  /** Writes a file below `tempDir` that may hold a key (0600 in 0700, atomically); answers with its path. */
  readonly writePrivate: WritePrivate;
}

export interface ServerLaunch extends Pick<SpawnNeed, "command" | "args" | "cwd" | "env" | "secrets"> {
  /** What every request to it has to carry, such as a password that only this launch knows. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ServerLimits {
  /** How long it may take from its start until it is healthy. */
  readonly startMs: number;
  /** How long one that runs and is not healthy may take to become so, before it is ended. */
  readonly healMs: number;
  readonly pollMs: number;
  readonly lookMs: number;
  /** How long it is kept when nobody uses it. */
  readonly restMs: number;
  /** How often it may die young before it is not started again for a while. */
  readonly crashes: Intensity;
}

export const usualServerLimits: ServerLimits = {
  startMs: 45_000,
  healMs: 15_000,
  pollMs: 100,
  lookMs: 5_000,
  restMs: 5_000,
  crashes: { count: 3, periodMs: 120_000, rapidMs: 30_000 },
};

export interface ServerPlan {
  /** Who names the same key shares one server: whatever they must not share has to be part of it. */
  readonly key: string;
  /** A short name for lists and faults, such as `opencode`. */
  readonly name: string;
  /** Called once for each start. */
  readonly launch: (place: ServerPlace) => Promise<ServerLaunch>;
  /** Where it says that it listens, if this line of its stdout says so. Only an address of loopback is taken. */
  readonly address: (line: string) => string | undefined;
  /** Answered with a success by a server that is well. */
  readonly healthPath: string;
  /** What it says on stdout is kept there, up to a bound, until it is started again. */
  readonly logFile: string;
  /** Called when it has ended, whatever ended it, before another is started. */
  readonly ended?: () => Promise<void>;
  readonly limits?: Partial<ServerLimits>;
}

export interface Server {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly run: RunId;
  /** What it said last on stdout. */
  stdout(): StderrTail;
  /** Resolves once, when it and all that it started are gone; never rejects. */
  readonly exited: Promise<Exit>;
  /** Aborted when it has exited. Who stops waiting can be forgotten, which a promise does not do. */
  readonly gone: AbortSignal;
  /** Ends it for all who use it. Idempotent. */
  close(): Promise<Exit>;
}

export interface StartNeed {
  readonly clock: Clock;
  readonly processes: Processes;
  readonly run: RunId;
  readonly plan: ServerPlan;
  readonly limits: ServerLimits;
  /** Ends the start; it rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

const brisk = { eofMs: 0, termMs: 2_000, killMs: 2_000 } as const;

/** Whoever could reach it from another machine could use its tools. */
function onLoopback(address: string): string {
  const url = new URL(address);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isLocal = host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
  if (isLocal) return url.origin;
  throw new Fault("harness.start", {
    detail: `The server listens on ${host}, where others can reach it.`,
    help: "Let it listen on 127.0.0.1.",
  });
}

interface Ears {
  /** Resolves with the first address that it says. */
  readonly address: Promise<string>;
  read(): StderrTail;
  close(): void;
}

/** Reads all of its stdout, always: into a bounded ring and a file, and for the one line that says where it listens. */
function listen({ stdout }: Child, { plan }: StartNeed, secrets: ServerLaunch["secrets"]): Ears {
  const { promise: address, resolve, reject } = Promise.withResolvers<string>();
  // Whoever waits for it is told; nobody may wait any more.
  address.catch(() => undefined);
  const ring = createLineRing();
  const file = createStderrFile(plan.logFile);
  const hider = createByteHider(secrets ?? {});
  let before: string | undefined = "";
  const search = (text: string): void => {
    if (before === undefined) return;
    const lines = (before + text).split("\n");
    before = lines.pop()?.slice(-4096) ?? "";
    const found = lines.flatMap((line) => plan.address(line) ?? [])[0];
    if (found === undefined) return;
    before = undefined;
    try {
      resolve(onLoopback(found));
    } catch (error) {
      reject(error);
    }
  };
  const keep = (chunk: Buffer): void => {
    ring.add(chunk);
    file.add(chunk);
  };
  stdout.on("data", (chunk: Buffer) => {
    keep(hider.push(chunk));
    search(chunk.toString("latin1"));
  });
  const close = () => {
    keep(hider.end());
    file.close();
  };
  return { address, read: ring.read, close };
}

/** The newest thing that it said, wherever it said it. */
const lastWords = (...tails: readonly StderrTail[]): string => {
  const [words] = tails.flatMap(({ tail }) => tail.filter((line) => line.trim() !== "").at(-1) ?? []);
  return words === undefined ? "" : ` Its last words: ${words}`;
};

function diedYoung({ name }: ServerPlan, exit: Exit, stdout: StderrTail): Fault {
  const how = exit.signal ? `was ended by ${exit.signal}` : `exited with code ${exit.code ?? "unknown"}`;
  return new Fault("harness.start", {
    detail: `The server of ${name} ${how} before it was healthy.${lastWords(exit.stderr, stdout)}`,
    help: "Run `corral doctor`, correct the cause, and prompt again.",
    more: {
      ...(exit.code === undefined ? {} : { exitCode: exit.code }),
      ...(exit.signal === undefined ? {} : { signal: exit.signal }),
      stderr: exit.stderr,
      stdout: stdout.tail,
    },
  });
}

const neverWell = ({ name }: ServerPlan, limitMs: number, stderr: StderrTail, stdout: StderrTail): Fault =>
  new Fault("harness.start", {
    detail: `The server of ${name} was not healthy within ${limitMs / 1000} s.${lastWords(stderr, stdout)}`,
    help: "Run `corral doctor`; a machine that has much else to do may need another try.",
    more: { startMs: limitMs, lastLines: [...stderr.tail, ...stdout.tail].slice(-20) },
  });

async function answers({ url, headers }: Pick<Server, "url" | "headers">, path: string, signal: AbortSignal) {
  const response = await fetch(new URL(path, url), { headers, signal, redirect: "error" });
  await response.arrayBuffer();
  return response.ok;
}

/** Whether a running server is well, by the deadline at the latest; false at once when it dies. */
export async function isWell(
  server: Server,
  { clock, plan, limits }: Pick<StartNeed, "clock" | "plan" | "limits">,
): Promise<boolean> {
  return untilHealthy({
    clock,
    deadlineMs: clock.monotonicMs() + limits.startMs,
    pollMs: limits.pollMs,
    lookMs: limits.lookMs,
    look: ({ signal }) => answers(server, plan.healthPath, signal),
    signal: server.gone,
  });
}

interface Spawned {
  readonly child: Child;
  readonly launch: ServerLaunch;
}

/** How long a start may take, from its first step on. */
interface Bound {
  /** Resolves when the time is up, rejects with the signal's reason. */
  readonly over: Promise<void>;
  leftMs(): number;
  takeBack(): void;
}

function boundOf({ clock, limits, signal }: StartNeed): Bound {
  const { promise: over, resolve, reject } = Promise.withResolvers<void>();
  // It may be over when nobody waits for it any more.
  over.catch(() => undefined);
  const deadlineMs = clock.monotonicMs() + limits.startMs;
  const takeBackTimer = clock.after(limits.startMs, resolve);
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  return {
    over,
    leftMs: () => Math.max(0, deadlineMs - clock.monotonicMs()),
    takeBack: () => {
      takeBackTimer();
      signal.removeEventListener("abort", onAbort);
    },
  };
}

const nothing: StderrTail = { head: [], tail: [], totalLines: 0, truncated: false };

/** What a plan makes ready, within the bound. What a late one still writes is swept when it has written it. */
async function launched({ processes, run, clock, plan, limits }: StartNeed, { over }: Bound): Promise<ServerLaunch> {
  const tempDir = await processes.tempDir(run);
  const writePrivate = writePrivateIn({ dir: tempDir, chance: (bytes) => clock.chance(bytes) });
  const launching = plan.launch({ run, tempDir, writePrivate });
  const late = over.then((): never => {
    throw neverWell(plan, limits.startMs, nothing, nothing);
  });
  try {
    return await Promise.race([launching, late]);
  } catch (error) {
    // Whether it comes to something or not, its files go; a sweep that fails is repeated at the daemon's next start.
    void Promise.allSettled([launching]).then(() => Promise.allSettled([processes.sweep(run)]));
    throw error;
  }
}

/** A launch that does not come to be leaves nothing behind. */
async function spawn(need: StartNeed, bound: Bound): Promise<Spawned> {
  const { processes, run, plan } = need;
  try {
    const launch = await launched(need, bound);
    await rm(plan.logFile, { force: true });
    const { headers: _, ...program } = launch;
    return { child: await processes.spawn({ ...program, run, name: plan.name }), launch };
  } catch (error) {
    await processes.sweep(run);
    throw error;
  }
}

/** However it ends: what it started goes with it, and so does the file with its key. */
async function endOf(child: Child, ears: Ears): Promise<Exit> {
  const exit = await child.exited;
  ears.close();
  try {
    await child.close(brisk);
  } catch {
    // What could not be removed now is looked for again when the daemon closes, and at its next start.
  }
  return exit;
}

/** The server as soon as it is healthy. */
async function comeUp(need: StartNeed, bound: Bound, { child, launch }: Spawned): Promise<Server> {
  const { clock, plan, limits, run } = need;
  const ears = listen(child, need, launch.secrets);
  const unwell = () => neverWell(plan, limits.startMs, child.stderr(), ears.read());
  const late = bound.over.then((): never => {
    throw unwell();
  });
  const dead = child.exited.then((exit): never => {
    throw diedYoung(plan, exit, ears.read());
  });
  // It may die, or be late, when nobody waits for it any more.
  for (const failure of [dead, late]) failure.catch(() => undefined);
  const exited = endOf(child, ears);
  const gone = new AbortController();
  void exited.then(() => gone.abort());
  try {
    const url = await Promise.race([ears.address, dead, late]);
    const server: Server = {
      ...{ url, headers: launch.headers, pid: child.pid, run, stdout: ears.read, exited, gone: gone.signal },
      close: () => child.close(brisk),
    };
    const well = isWell(server, { clock, plan, limits: { ...limits, startMs: bound.leftMs() } });
    if (await Promise.race([well, dead, late])) return server;
    // One that is not well because it has just died has its own last words.
    await Promise.race([dead, Promise.resolve()]);
    throw unwell();
  } catch (error) {
    await child.close(brisk);
    await exited;
    throw error;
  }
}

/** Resolves with a healthy server; a program that dies, or is not healthy by the deadline, is gone when this rejects. */
export async function startServer(need: StartNeed): Promise<Server> {
  const bound = boundOf(need);
  try {
    return await comeUp(need, bound, await spawn(need, bound));
  } finally {
    bound.takeBack();
  }
}
