/** Secrets that are planted to see whether they turn up where they must not. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { everybody, valueIn } from "./processes.ts";

export interface Canaries {
  /** A session's secret: only for the harness of that session and what it starts. */
  readonly session: string;
  /** The token of the daemon: in its file and in memory. */
  readonly token: string;
  /** A variable of the daemon's own environment, such as somebody's key: for nobody else. */
  readonly environment: string;
}

/** The name of the variable in the daemon's environment that nobody may inherit. */
export const canaryVariable = "CORRAL_PROOF_CANARY";

interface Around {
  readonly stateDir: string;
  readonly daemonPid: number;
  /** The runs that the session's secret was given to. */
  readonly runs: readonly string[];
  /** A harness that is only just being started: its run is not in the log yet. */
  readonly starting?: number | undefined;
  /** Of those runs the ones that need no secret, such as a command that the daemon runs for the harness. */
  readonly without: readonly number[];
  /** What the daemon wrote on stderr. */
  readonly stderr: string;
}

function* filesUnder(folder: string): Generator<string> {
  let entries: ReturnType<typeof readEntries>;
  try {
    entries = readEntries(folder);
  } catch {
    // Removed while we looked: what is gone holds no secret.
    return;
  }
  for (const entry of entries) {
    if (entry.isDirectory()) yield* filesUnder(join(folder, entry.name));
    else if (entry.isFile()) yield join(folder, entry.name);
  }
}

const readEntries = (folder: string) => readdirSync(folder, { withFileTypes: true });

function bytesOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    // As above.
    return Buffer.alloc(0);
  }
}

export function spillsOnDisk({ session, token, environment }: Canaries, stateDir: string): readonly string[] {
  const words = Object.entries({ session, token, environment });
  return [...filesUnder(stateDir)].flatMap((file) => {
    const bytes = bytesOf(file);
    return words
      .filter(([, word]) => bytes.includes(word))
      .map(([kind]) => `the ${kind} secret is in the file ${file}`);
  });
}

/** Everybody's environment and command line; each secret may be in the environment of those who were given it. */
export function spillsInProcesses(
  canaries: Canaries,
  { daemonPid, runs, starting, without }: Around,
): readonly string[] {
  return everybody().flatMap(({ pid, environ, command }) => {
    const run = valueIn(environ, "CORRAL_RUN");
    const mayHave = {
      session: pid === starting || (run !== undefined && runs.includes(run) && !without.includes(pid)),
      token: false,
      environment: pid === daemonPid,
    };
    return (["session", "token", "environment"] as const).flatMap((kind) => [
      ...(environ.includes(canaries[kind]) && !mayHave[kind]
        ? [`the ${kind} secret is in the environment of process ${pid} (${command.replaceAll("\0", " ").slice(0, 80)})`]
        : []),
      ...(command.includes(canaries[kind]) ? [`the ${kind} secret is in the command line of process ${pid}`] : []),
    ]);
  });
}

export function spillsOf(canaries: Canaries, around: Around): readonly string[] {
  const said = Object.entries(canaries).filter(([, word]) => around.stderr.includes(word));
  return [
    ...spillsInProcesses(canaries, around),
    ...spillsOnDisk(canaries, around.stateDir),
    ...said.map(([kind]) => `the ${kind} secret is on the daemon's stderr`),
  ];
}
