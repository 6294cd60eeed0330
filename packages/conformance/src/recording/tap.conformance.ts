/** Listens in on what a harness and the daemon write to each other, without either noticing. */
import { PassThrough } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { Child, Harness, Processes } from "@corral/kernel";

export type Direction = "client>agent" | "agent>client";
export type Listener = (dir: Direction, line: string) => void;

function lines(listen: (line: string) => void): (bytes: Buffer) => void {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  return (bytes) => {
    const parts = (rest + decoder.write(bytes)).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) if (line.trim() !== "") listen(line);
  };
}

function tapped(child: Child, listen: Listener): Child {
  const stdin = new PassThrough();
  const heard = lines((line) => listen("client>agent", line));
  const said = lines((line) => listen("agent>client", line));
  stdin.on("data", heard);
  stdin.pipe(child.stdin);
  const stdout = new PassThrough();
  stdout.on("data", said);
  child.stdout.pipe(stdout);
  return {
    pid: child.pid,
    name: child.name,
    run: child.run,
    startedAt: child.startedAt,
    stdin,
    stdout,
    stderr: () => child.stderr(),
    exited: child.exited,
    signal: (name) => child.signal(name),
    close: (ladder) => child.close(ladder),
  };
}

/** The same harness, with somebody who listens. */
export const withTap = (harness: Harness, listen: Listener): Harness => ({
  ...harness,
  connect: (need) => {
    const { processes } = need;
    const listening: Processes = {
      spawn: async (wanted) => tapped(await processes.spawn(wanted), listen),
      tempDir: (run) => processes.tempDir(run),
      list: () => processes.list(),
      residue: (run) => processes.residue(run),
      sweep: (run) => processes.sweep(run),
      sweepFormerLives: () => processes.sweepFormerLives(),
      [Symbol.asyncDispose]: () => processes[Symbol.asyncDispose](),
    };
    return harness.connect({ ...need, processes: listening });
  },
});
