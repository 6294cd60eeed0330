/** Describes what a run left behind: its processes, what they listen on, and its directories. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { RunId } from "@corral/protocol";
import { commandOf, type ProcessEntry } from "./proc-table.ts";
import type { Residue } from "./process.ts";

interface Listening {
  readonly ports: readonly { readonly pid: number; readonly port: number }[];
  readonly sockets: readonly { readonly pid: number; readonly path: string }[];
}

const tcpListens = "0A";
/** The flag of a unix socket that accepts connections. */
const unixListens = 0x10000;

/** The rows of a table of the process's own network, which may be another than ours. */
function networkRows(pid: number, table: string): readonly (readonly string[])[] {
  try {
    const rows = readFileSync(`/proc/${pid}/net/${table}`, "latin1").trim().split("\n").slice(1);
    return rows.map((row) => row.trim().split(/\s+/));
  } catch {
    // The process has gone, or the machine has no such table (IPv6 may be off).
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // It was closed while we looked.
    return "";
  }
}

function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // The process ended, or its files are not ours to see.
    return [];
  }
}

function socketsOf(pid: number): ReadonlySet<string> {
  const folder = `/proc/${pid}/fd`;
  const inodes = filesOf(folder).map((name) => /^socket:\[(\d+)\]$/.exec(linkOf(`${folder}/${name}`))?.[1] ?? "");
  return new Set(inodes.filter((inode) => inode !== ""));
}

function listeningOf(pid: number): Listening {
  const own = socketsOf(pid);
  if (own.size === 0) return { ports: [], sockets: [] };
  const tcp = [...networkRows(pid, "tcp"), ...networkRows(pid, "tcp6")];
  const ports = tcp
    .filter((row) => row[3] === tcpListens && own.has(row[9] ?? ""))
    .map((row) => Number.parseInt(row[1]?.split(":")[1] ?? "", 16));
  const paths = networkRows(pid, "unix")
    .filter((row) => (Number.parseInt(row[3] ?? "", 16) & unixListens) !== 0 && own.has(row[6] ?? ""))
    .map((row) => row.slice(7).join(" "));
  return {
    ports: [...new Set(ports)].map((port) => ({ pid, port })),
    sockets: [...new Set(paths)].map((path) => ({ pid, path })),
  };
}

export function describeResidue(run: RunId, entries: readonly ProcessEntry[], directories: readonly string[]): Residue {
  const listening = entries.map(({ pid }) => listeningOf(pid));
  return {
    run,
    processes: entries.map(({ pid }) => ({ pid, command: commandOf(pid) })),
    ports: listening.flatMap(({ ports }) => ports),
    sockets: listening.flatMap(({ sockets }) => sockets),
    directories,
  };
}

/** Two looks at the same run as one report. */
export function joinResidue(first: Residue, second: Residue): Residue {
  const seen = new Set(first.processes.map(({ pid }) => pid));
  return {
    run: first.run,
    processes: [...first.processes, ...second.processes.filter(({ pid }) => !seen.has(pid))],
    ports: [...first.ports, ...second.ports.filter(({ pid }) => !seen.has(pid))],
    sockets: [...first.sockets, ...second.sockets.filter(({ pid }) => !seen.has(pid))],
    directories: [...new Set([...first.directories, ...second.directories])],
  };
}
