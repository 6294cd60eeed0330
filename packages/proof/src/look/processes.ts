/** Looks at the machine's processes from outside, with eyes of its own: what the daemon says of them is not taken on trust. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface Seen {
  readonly pid: number;
  readonly environ: string;
  readonly command: string;
}

/** A file of /proc, or nothing when its process has gone or is somebody else's. */
function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // It ended while we looked; what is gone leaves nothing behind.
    return "";
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    // As above.
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // It was closed while we looked.
    return "";
  }
}

const fieldsOf = (pid: number): readonly string[] => {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
};

/** Whether it still runs; one that only waits to be collected does not. */
export const isRunning = (pid: number): boolean => !["", "Z", "X"].includes(fieldsOf(pid)[0] ?? "");

export const isStopped = (pid: number): boolean => fieldsOf(pid)[0] === "T";

export const everybody = (): readonly Seen[] =>
  list("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && isRunning(pid))
    .map((pid) => ({ pid, environ: read(`/proc/${pid}/environ`), command: read(`/proc/${pid}/cmdline`) }));

export function valueIn(environ: string, name: string): string | undefined {
  return environ
    .split("\0")
    .find((line) => line.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}

/** The processes that carry a mark: whatever they are, whoever their parent is by now. */
export const carriersOf = (name: string, value: string): readonly Seen[] =>
  everybody().filter(({ environ }) => environ.includes(`${name}=${value}\0`));

/** The children of one process, each once it runs a program of its own. */
export function childrenOf(pid: number): readonly Seen[] {
  const pids = list(`/proc/${pid}/task`).flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(" "));
  return pids
    .map(Number)
    .filter((child) => child > 0)
    .map((child) => ({ pid: child, environ: read(`/proc/${child}/environ`), command: read(`/proc/${child}/cmdline`) }));
}

const tcpSockets = (pid: number): ReadonlySet<string> =>
  new Set(
    ["tcp", "tcp6"]
      .flatMap((table) => read(`/proc/${pid}/net/${table}`).trim().split("\n").slice(1))
      .map((row) => row.trim().split(/\s+/)[9] ?? ""),
  );

/** What a process holds open, without its connections to clients: those come and go as the clients like. */
export function filesOf(pid: number): readonly string[] {
  const tcp = tcpSockets(pid);
  return list(`/proc/${pid}/fd`)
    .map((fd) => link(`/proc/${pid}/fd/${fd}`))
    .filter((target) => target !== "" && !tcp.has(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? "none"));
}

/** Sends a signal; whoever has gone already does not mind. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}
