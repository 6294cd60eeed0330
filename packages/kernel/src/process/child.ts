/** Starts one program in a session and process group of its own, and watches it to its one end. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { Fault } from "@corral/protocol";
import type { Clock } from "../ports/clock.ts";
import { createByteHider } from "../secrets/hide.ts";
import type { OwnedChild } from "./ownership.ts";
import { startTicksOf } from "./proc-table.ts";
import type { Exit, SpawnNeed, StderrTail } from "./process.ts";
import { createRelay } from "./relay.ts";
import { createLineRing, createStderrFile, type StderrFile } from "./stderr.ts";

/** How long after the end of a child its pipes may stay open because somebody else holds them. */
export const pipeGraceMs = 200;

export interface Launched extends OwnedChild {
  readonly stdin: Writable;
  readonly stdout: Readable;
  stderr(): StderrTail;
  /** The child has ended; its pipes may still hold something. */
  readonly ended: Promise<void>;
  readonly exited: Promise<Exit>;
  signalGroup(name: NodeJS.Signals): void;
  /** For machines whose table of processes we cannot read: the end of the child is the end of its group. */
  takeGroupAlong(): void;
}

export interface LaunchNeed extends SpawnNeed {
  readonly clock: Clock;
  /** The need's environment and the marks. */
  readonly marked: Readonly<Record<string, string>>;
  /** Where programs are looked for when the child's own environment has no PATH. */
  readonly hostPath: string | undefined;
  readonly stderrFile: string;
}

interface Piped extends ChildProcess {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

const errorCode = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "unknown";

function requireDirectory(cwd: string): void {
  if (isAbsolute(cwd) && statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new Fault("workspace.missing", {
    detail: `There is no directory ${cwd} to start the program in.`,
    help: "Create the directory, or name another one by its absolute path.",
    more: { cwd },
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Not there, or not for us: the next folder of the PATH may have it.
    return false;
  }
}

/** A child without a PATH of its own is still found by the host's. */
function findCommand({ command, env, hostPath }: LaunchNeed): string {
  if (command.includes("/") || env.PATH !== undefined || hostPath === undefined) return command;
  const found = hostPath.split(delimiter).map((folder) => join(folder, command));
  return found.find(isExecutable) ?? command;
}

const startHelp: Readonly<Record<string, string>> = {
  ENOENT: "Install it, or correct its name; a script also needs the interpreter of its first line.",
  EACCES: "Make it executable with chmod +x, and check that its file system allows programs to run.",
  EAGAIN: "Too many processes: end some, or raise the limit (ulimit -u).",
  EMFILE: "Too many open files: raise the limit (ulimit -n).",
  ENFILE: "Too many open files on this machine: end some programs.",
  ENOMEM: "The machine has too little free memory: end some programs.",
  E2BIG: "Its arguments and environment are too large: make them shorter.",
  ENOEXEC: "The file is not a program of this machine's kind.",
};

/** Says what failed without the arguments and the environment, which may hold secrets, and so without Node's own message. */
function startFault({ command, cwd }: LaunchNeed, cause: unknown): Fault {
  const code = errorCode(cause);
  const there = code === "ENOENT" && command.includes("/") && isExecutable(resolve(cwd, command));
  const why = there ? "its interpreter does not exist" : code === "ENOENT" ? "it was not found" : code;
  return new Fault("process.start", {
    detail: `The program ${command} could not be started: ${why}.`,
    help: startHelp[code] ?? "Check the command and its options.",
    more: { command, code },
  });
}

/** Without a reader of their errors, a broken pipe would end the daemon. */
function muteErrors(...streams: readonly (Readable | Writable | null)[]): void {
  // EPIPE means that the child has gone, and that is told by its exit; who writes is told by the write's callback.
  for (const stream of streams) stream?.on("error", () => undefined);
}

const isPiped = (child: ChildProcess): child is Piped =>
  child.pid !== undefined && child.stdin !== null && child.stdout !== null && child.stderr !== null;

function begin(need: LaunchNeed): ChildProcess {
  try {
    const child = spawn(findCommand(need), need.args, {
      argv0: need.command,
      cwd: need.cwd,
      env: { ...need.marked },
      detached: true,
      stdio: "pipe",
    });
    muteErrors(child.stdin, child.stdout, child.stderr);
    return child;
  } catch (cause) {
    throw startFault(need, cause);
  }
}

/** Resolves when both pipes are read out, or after the grace and one more turn of reading. */
function pipesSettle(clock: Clock, closed: Promise<void>): Promise<void> {
  return new Promise((done) => {
    // After a pause of the whole program the timer comes before the reading; the reading gets its turn first.
    const takeBack = clock.after(pipeGraceMs, () => clock.soon(() => clock.soon(done)));
    void closed.then(() => {
      takeBack();
      done();
    });
  });
}

function watch(need: LaunchNeed, child: Piped, file: StderrFile): Launched {
  const { clock } = need;
  const { pid } = child;
  const startTicks = startTicksOf(pid);
  const ring = createLineRing();
  const relay = createRelay(child.stdout);
  const hider = createByteHider(need.secrets ?? {});
  const keep = (chunk: Buffer) => {
    ring.add(chunk);
    file.add(chunk);
  };
  child.stderr.on("data", (chunk: Buffer) => keep(hider.push(chunk)));
  let reaped = false;
  let groupGoesToo = false;
  const killGroup = (name: NodeJS.Signals) => {
    try {
      process.kill(-pid, name);
    } catch {
      // The whole group ended just now.
    }
  };
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("exit", (code, signal) => {
      reaped = true;
      relay.drain();
      if (groupGoesToo) killGroup("SIGKILL");
      resolve({ code, signal });
    });
  });
  const exited = ended.then(async ({ code, signal }): Promise<Exit> => {
    await pipesSettle(clock, closed);
    relay.cut();
    for (const pipe of [child.stdin, child.stderr]) pipe.destroy();
    keep(hider.end());
    file.close();
    return { ...(code === null ? {} : { code }), ...(signal === null ? {} : { signal }), stderr: ring.read() };
  });
  return {
    pid,
    ...(startTicks === undefined ? {} : { startTicks }),
    stdin: child.stdin,
    stdout: relay.out,
    stderr: ring.read,
    reaped: () => reaped,
    ended: ended.then(() => undefined),
    exited,
    signalGroup(name) {
      // While its end is not collected, its pid is its own; after that the group is reached process by process.
      if (reaped || startTicksOf(pid) !== startTicks) return;
      killGroup(name);
    },
    takeGroupAlong() {
      groupGoesToo = true;
    },
  };
}

/** Starts the program, or throws the fault that says why it could not be started. */
export async function launch(need: LaunchNeed, adopt: (child: OwnedChild) => void): Promise<Launched> {
  requireDirectory(need.cwd);
  const child = begin(need);
  if (!isPiped(child)) {
    const cause = await new Promise<unknown>((resolve) => child.once("error", resolve));
    requireDirectory(need.cwd);
    throw startFault(need, cause);
  }
  // Listeners are in place before anything can happen; `error` after a start means only that a signal failed.
  child.on("error", () => undefined);
  const launched = watch(need, child, createStderrFile(need.stderrFile));
  adopt(launched);
  return launched;
}
