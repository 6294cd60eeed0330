/** Listens in on what a harness and the daemon write to each other, and looks at how it closes, without either noticing. */
import { PassThrough } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { Child, Harness, Ladder, Processes } from "@corral/kernel";

export type Direction = "client>agent" | "agent>client";
export type Listener = (dir: Direction, line: string) => void;

export interface Tap {
  readonly listen?: Listener;
  /** A program is started for a session of its own; one that sessions share is none of theirs. */
  readonly starting?: () => void;
  /** A program is to be closed; whatever it does is waited for before it is made to end. */
  readonly closing?: (child: Pick<Child, "stdin" | "exited">, ladder: Partial<Ladder>) => Promise<void>;
}

function lines(listen: (line: string) => void): (bytes: Buffer) => void {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  return (bytes) => {
    const parts = (rest + decoder.write(bytes)).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) if (line.trim() !== "") listen(line);
  };
}

function overheard(child: Child, listen: Listener): Pick<Child, "stdin" | "stdout"> {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  stdin.on(
    "data",
    lines((line) => listen("client>agent", line)),
  );
  stdin.pipe(child.stdin);
  stdout.on(
    "data",
    lines((line) => listen("agent>client", line)),
  );
  child.stdout.pipe(stdout);
  return { stdin, stdout };
}

function tapped(child: Child, { listen, closing }: Tap): Child {
  const { stdin, stdout } = listen ? overheard(child, listen) : child;
  let looked: Promise<void> | undefined;
  return {
    pid: child.pid,
    name: child.name,
    run: child.run,
    startedAt: child.startedAt,
    stdin,
    stdout,
    stderr: () => child.stderr(),
    // Whoever hears of the end sweeps what is left: not before it was looked at.
    exited: child.exited.then(async (exit) => {
      await looked;
      return exit;
    }),
    signal: (name) => child.signal(name),
    async close(ladder) {
      looked ??= closing?.({ stdin, exited: child.exited }, ladder ?? {});
      await looked;
      return child.close(ladder);
    },
  };
}

/** The same harness, with somebody who listens. */
export const tap = (harness: Harness, ways: Tap): Harness => ({
  ...harness,
  connect: (need) => {
    const { processes } = need;
    const listening: Processes = {
      spawn: async (wanted) => {
        ways.starting?.();
        return tapped(await processes.spawn(wanted), ways);
      },
      tempDir: (run) => processes.tempDir(run),
      list: () => processes.list(),
      residue: (run) => processes.residue(run),
      sweep: (run) => processes.sweep(run),
      sweepFormerLives: () => processes.sweepFormerLives(),
      leftovers: () => processes.leftovers(),
      [Symbol.asyncDispose]: () => processes[Symbol.asyncDispose](),
    };
    return harness.connect({ ...need, processes: listening });
  },
});
