/** Installs harnesses from npm: exact versions, each in a folder of its own, once at a time, and never half. */
import { Fault } from "@corral/protocol";
import { type Clock, isoTime } from "../ports/clock.ts";
import type { Programs } from "../ports/harness.ts";
import type { Processes } from "../process/process.ts";
import { heldOpen } from "../process/waiting.ts";
import { fetchPackages, type InstallProgress } from "./fetch-packages.ts";
import { takeLock } from "./install-lock.ts";
import {
  type Artifact,
  artifactsOf,
  binsOf,
  type Installable,
  ownPrograms,
  type Plan,
  type Platform,
  planOf,
  programsOf,
  refuseOldNode,
} from "./install-plan.ts";
import { createShelf, type Shelf } from "./shelf.ts";

export interface InstallOptions {
  /** Another release than the pinned one; sessions use it from now on. */
  readonly version?: string | undefined;
  /** Also when it is there. */
  readonly reinstall?: boolean | undefined;
  /** Only what npm's cache holds. */
  readonly offline?: boolean | undefined;
  readonly onProgress?: ((progress: InstallProgress) => void) | undefined;
  /** Ends the waiting of this caller; the installation goes on. */
  readonly signal?: AbortSignal | undefined;
}

export interface Installed {
  readonly alreadyInstalled: boolean;
  readonly version?: string;
  readonly artifacts: readonly Artifact[];
  readonly programs: Programs;
}

export interface Installer extends AsyncDisposable {
  install(harness: Installable, options?: InstallOptions): Promise<Installed>;
  /** What a session launches: the chosen version, else the pinned one, installed now if need be. */
  ready(harness: Installable, options?: Pick<InstallOptions, "onProgress" | "signal">): Promise<Installed>;
  installed(harness: Installable): Promise<{ readonly version?: string } | undefined>;
  /** Removes every version. Throws `agent.in_use` while programs of it run here. */
  uninstall(harness: Installable): Promise<void>;
}

export interface InstallerNeed {
  /** Outlives state directories, and may be shared by several. */
  readonly programsDir: string;
  readonly clock: Clock;
  readonly processes: Processes;
  /** PATH, HOME, proxies and npm's own settings are taken from it. */
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
  /** npm's `npm-cli.js`; found when absent. */
  readonly npm?: string | undefined;
  /** A Node that runs npm and the harnesses; the one that runs Corral when absent. */
  readonly node?: { readonly path: string; readonly version: string };
}

interface House extends InstallerNeed {
  readonly platform: Platform;
  readonly shelf: Shelf;
  readonly signal: AbortSignal;
}

/** Only glibc tells its version. */
function isMusl(): boolean {
  if (process.platform !== "linux") return false;
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime === undefined;
}

const platformOf = ({ node }: InstallerNeed): Platform => ({
  name: `${process.platform}-${process.arch}`,
  // Asked for only where a harness is installed: the report takes its time.
  get musl() {
    return isMusl();
  },
  node: node?.path ?? process.execPath,
  nodeVersion: node?.version ?? process.versions.node,
});

const nothingToInstall = ({ title }: Installable): Fault =>
  new Fault("agent.cannot", {
    detail: `${title} is part of Corral and needs no installation.`,
    help: "Start a session with it.",
  });

async function bring(house: House, plan: Plan, offline: boolean, onProgress: (at: InstallProgress) => void) {
  const { shelf, clock, platform, signal } = house;
  const staged = await shelf.stage(plan, Buffer.from(clock.chance(6)).toString("hex"));
  const fetching = { ...house, node: platform.node, plan, platform, dir: staged, offline, signal, onProgress };
  const bytes = await fetchPackages(fetching);
  signal.throwIfAborted();
  const { id: agent, packages } = plan;
  await shelf.place(plan, staged, { agent, packages, platform: platform.name, installedAt: isoTime(clock), bytes });
}

interface Job {
  readonly plan: Plan;
  readonly reinstall: boolean;
  readonly offline: boolean;
  /** What sessions use from now on: a version, the pinned one, or what they used before. */
  readonly choose: string | "pinned" | undefined;
}

/** Under the lock: somebody else may have been faster. Answers whether it was there. */
async function underLock(house: House, job: Job, onProgress: (at: InstallProgress) => void): Promise<boolean> {
  const { shelf } = house;
  const { plan, choose } = job;
  await shelf.sweep(plan.id);
  const there = !job.reinstall && (await shelf.has(plan));
  try {
    if (!there) await bring(house, plan, job.offline, onProgress);
    if (choose !== undefined) await shelf.choose(plan.id, choose === "pinned" ? undefined : choose);
  } finally {
    await shelf.sweep(plan.id);
  }
  return there;
}

async function withLock<Value>(
  { shelf, clock, signal }: House,
  { id, title }: Installable,
  onProgress: (at: InstallProgress) => void,
  work: () => Promise<Value>,
): Promise<Value> {
  const onWait = () => onProgress({ step: "waiting", detail: `another process installs ${title}` });
  const release = await takeLock({ path: shelf.lockFile(id), clock, signal, onWait });
  try {
    return await work();
  } finally {
    release();
  }
}

async function work(house: House, job: Job, onProgress: (at: InstallProgress) => void): Promise<Installed> {
  const { plan } = job;
  const { platform, shelf } = house;
  refuseOldNode(plan, platform);
  binsOf(plan, platform);
  const dir = shelf.dirOf(plan);
  const alreadyInstalled = await withLock(house, plan, onProgress, () => underLock(house, job, onProgress));
  onProgress({ step: "done", detail: `${plan.title} ${plan.version}`, percent: 100 });
  return { alreadyInstalled, ...described(house, plan, dir) };
}

const described = ({ platform }: House, plan: Plan, dir: string): Omit<Installed, "alreadyInstalled"> => ({
  version: plan.version,
  artifacts: artifactsOf(plan, platform, dir),
  programs: programsOf(plan, platform, dir),
});

/** One job and everybody who waits for it. */
interface Shared {
  readonly done: Promise<Installed>;
  readonly listeners: Set<(progress: InstallProgress) => void>;
  /** Where it is, for those who join in later. */
  readonly newest: () => InstallProgress | undefined;
}

/** Whoever asks for what is being installed joins in; nobody's leaving ends it for the others. */
function createJobs(house: House) {
  const jobs = new Map<string, Shared>();
  const begin = (name: string, job: Job): Shared => {
    const listeners: Shared["listeners"] = new Set();
    let newest: InstallProgress | undefined;
    const tell = (progress: InstallProgress) => {
      if (JSON.stringify(progress) === JSON.stringify(newest)) return;
      newest = progress;
      for (const listener of listeners) listener(progress);
    };
    const done = heldOpen(() => work(house, job, tell)).finally(() => jobs.delete(name));
    // Also when all who waited have left.
    done.catch((error: unknown) => error);
    const shared = { done, listeners, newest: () => newest };
    jobs.set(name, shared);
    return shared;
  };
  return {
    settled: () => Promise.allSettled([...jobs.values()].map(({ done }) => done)),
    async join(job: Job, { onProgress, signal }: Pick<InstallOptions, "onProgress" | "signal">): Promise<Installed> {
      const name = JSON.stringify(job);
      const { done, listeners, newest } = jobs.get(name) ?? begin(name, job);
      const at = newest();
      if (onProgress && at) onProgress(at);
      if (onProgress) listeners.add(onProgress);
      try {
        return await (signal ? Promise.race([done, aborted(signal)]) : done);
      } finally {
        if (onProgress) listeners.delete(onProgress);
      }
    },
  };
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

async function refuseUsed({ processes }: House, { id, title }: Installable): Promise<void> {
  const running = (await processes.list()).filter(({ name }) => name === id).length;
  if (running === 0) return;
  throw new Fault("agent.in_use", {
    detail: `${running} ${running === 1 ? "process" : "processes"} of ${title} run here.`,
    help: "Close its sessions first: `corral sessions ls`.",
  });
}

/** Nothing is touched before something is asked for. */
export function createInstaller(need: InstallerNeed): Installer {
  const platform = platformOf(need);
  const shelf = createShelf(need.programsDir, platform);
  const stop = new AbortController();
  const house: House = { ...need, platform, shelf, signal: stop.signal };
  const jobs = createJobs(house);
  const own = (harness: Installable): Installed => ({
    alreadyInstalled: true,
    artifacts: [],
    programs: ownPrograms(harness.title, platform),
  });
  /** The version that sessions use. */
  const current = async (harness: Installable) => planOf(harness, await shelf.chosen(harness.id));
  const stopping = new Fault("daemon.stopping", { detail: "The installation ended with the daemon." });

  return {
    async install(harness, { version, reinstall = false, offline = false, ...caller } = {}) {
      const plan = planOf(harness, version);
      if (!plan) return own(harness);
      return jobs.join({ plan, reinstall, offline, choose: version ?? "pinned" }, caller);
    },
    async ready(harness, caller = {}) {
      const plan = await current(harness);
      if (!plan) return own(harness);
      if (await shelf.has(plan)) return { alreadyInstalled: true, ...described(house, plan, shelf.dirOf(plan)) };
      return jobs.join({ plan, reinstall: false, offline: false, choose: undefined }, caller);
    },
    async installed(harness) {
      const plan = await current(harness);
      if (!plan) return {};
      return (await shelf.has(plan)) ? { version: plan.version } : undefined;
    },
    async uninstall(harness) {
      if (!harness.install) throw nothingToInstall(harness);
      await refuseUsed(house, harness);
      const remove = () => shelf.remove(harness.id);
      await heldOpen(() => withLock(house, harness, () => undefined, remove));
    },
    async [Symbol.asyncDispose]() {
      stop.abort(stopping);
      await jobs.settled();
    },
  };
}
