/** A module that is loaded before the daemon and lets it give back, at a signal, all memory that it does not use. */

const program = `
import { isMainThread } from "node:worker_threads";
if (isMainThread) process.on("SIGUSR2", () => { globalThis.gc(); globalThis.gc(); });
`;

/** What comes before the program's own file. */
export const settleFlags: readonly string[] = [
  "--expose-gc",
  "--import",
  `data:text/javascript,${encodeURIComponent(program)}`,
];

/** The same program, which can now be told to settle. */
export const settling = ([command, ...rest]: readonly [string, ...string[]]): readonly [string, ...string[]] => [
  command,
  ...settleFlags,
  ...rest,
];

export const settleSignal = "SIGUSR2";
