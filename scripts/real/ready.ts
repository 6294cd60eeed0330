/** Installs the real harnesses, a few at a time, and says what is missing and why. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInstaller, createProcesses, type Harness, ownerOf, systemClock } from "@corral/kernel";
import { isFault } from "@corral/protocol";

export interface Ready {
  readonly harness: Harness;
  /** Why it cannot be played. */
  readonly missing?: string;
}

export interface ReadyNeed {
  /** Some hundred megabytes each, so they are kept for the next time. */
  readonly programsDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Fetching waits for the network and unpacking for the disk: more at a time are not faster. */
const atATime = 3;

const reason = (error: unknown): string => {
  if (!isFault(error)) return error instanceof Error ? error.message : String(error);
  return `${error.message} ${error.help}`;
};

export async function makeReady(harnesses: readonly Harness[], need: ReadyNeed): Promise<readonly Ready[]> {
  const { programsDir, env, say, signal } = need;
  const stateDir = await mkdtemp(join(tmpdir(), "corral-"));
  const hostEnv = { PATH: env.PATH ?? "" };
  const clock = systemClock;
  try {
    await using processes = createProcesses({ clock, stateDir, owner: ownerOf(stateDir), hostEnv });
    await using installer = createInstaller({ programsDir, clock, processes, hostEnv: env });
    const one = async (harness: Harness): Promise<Ready> => {
      const sinceMs = performance.now();
      try {
        const { alreadyInstalled, version } = await installer.install(harness, { signal });
        const seconds = ((performance.now() - sinceMs) / 1000).toFixed(1);
        if (!alreadyInstalled) say(`${harness.id} ${version}: installed in ${programsDir} in ${seconds} s`);
        return { harness };
      } catch (error) {
        return { harness, missing: signal.aborted ? "it was still being installed" : reason(error) };
      }
    };
    return await inTurn(harnesses, one);
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}

/** All of them, in their order, with so many under way at a time. */
async function inTurn<From, To>(all: readonly From[], one: (item: From) => Promise<To>): Promise<readonly To[]> {
  const done: To[] = [];
  const rest = [...all.entries()];
  const lane = async () => {
    for (let next = rest.shift(); next; next = rest.shift()) done[next[0]] = await one(next[1]);
  };
  await Promise.all(Array.from({ length: atATime }, lane));
  return done;
}
