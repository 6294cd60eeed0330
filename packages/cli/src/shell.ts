/** What a command is handed of the process it runs in: streams, surroundings, and how it is interrupted. */
import type { Readable } from "node:stream";
import { type World, worldOf } from "./config.ts";
import { exitCodes } from "./exit-code.ts";
import { createOut, type Out } from "./output/out.ts";

export type Input = Readable & { readonly isTTY?: boolean };

export interface Shell {
  readonly world: World;
  readonly stdin: Input;
  readonly stdout: Out;
  readonly stderr: Out;
  /** Aborted when nobody reads our output any more: there is no point in going on. */
  readonly gone: AbortSignal;
  /** Calls back at the first Ctrl-C or SIGTERM; the second one leaves at once. Take it back with `using`. */
  onInterrupt(first: (signal: NodeJS.Signals) => void): Disposable;
}

/** What to type to get here again: npm hands its programs a variable that nobody else has. */
export const calledAs = ({ world }: Shell): string => (world.env.npm_execpath ? "npx corral" : "corral");

/**
 * The kernel ends us, whatever hangs: an ordinary exit waits for every thread, also for one that waits for a broken disk. Only the
 * first process of a container is not ended by its own signals; that one exits.
 */
export function dieOf(signal: NodeJS.Signals, code: number): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  process.exit(code);
}

const interrupts = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function onInterrupt(first: (signal: NodeJS.Signals) => void): Disposable {
  let seen = 0;
  const heard = (signal: NodeJS.Signals) => {
    seen += 1;
    if (seen > 1) dieOf(signal, exitCodes.interrupted);
    else first(signal);
  };
  for (const signal of interrupts) process.on(signal, heard);
  return {
    [Symbol.dispose]: () => {
      for (const signal of interrupts) process.off(signal, heard);
    },
  };
}

export function shellOfProcess(): Shell {
  const world = worldOf();
  const leaving = new AbortController();
  const { stdin, stdout, stderr } = process;
  return {
    world,
    stdin,
    stdout: createOut({ stream: stdout, env: world.env, onGone: () => leaving.abort() }),
    // Without a reader of our progress there is still one of our answer.
    stderr: createOut({ stream: stderr, env: world.env, onGone: () => undefined }),
    gone: leaving.signal,
    onInterrupt,
  };
}
