/** Makes a harness out of a program: how it is launched, and within which bounds it comes to an open session. What it speaks is another's. */
import { Fault, isFault } from "@corral/protocol";
import type { Connection, ConnectNeed, Harness } from "../ports/harness.ts";
import type { Child } from "../process/process.ts";
import { openWorkspace } from "../workspace/workspace.ts";
import { type WritePrivate, writePrivateIn } from "./private-file.ts";

type Given = "stateDir" | "secrets" | "options" | "settings" | "hostEnv" | "cwd" | "mcpServers";

export interface LaunchNeed extends Pick<ConnectNeed, Given> {
  /** Where the program may put temporary files; gone with the run. */
  readonly tempDir: string;
  /** The absolute path of a program that `install.bins` names. */
  readonly bin: (name: string) => string;
  /** A Node that runs the JavaScript ones. */
  readonly node: string;
  /** So many bytes of chance, for a password that only this launch knows. */
  readonly chance: (bytes: number) => Uint8Array;
  /** Writes a file below `stateDir` that may hold a key (0600 in 0700, atomically); answers with its path. Gone with the session. */
  readonly writePrivate: WritePrivate;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Program extends Omit<Harness, "connect"> {
  readonly launch: (need: LaunchNeed) => Launch | Promise<Launch>;
}

/** A connection that still has to bring its program to an open session. */
export interface Opening extends Connection {
  open(): Promise<void>;
}

export interface SpeakingProgram extends Program {
  /** Makes the connection to a program that has been launched. */
  readonly speak: (need: ConnectNeed, child: Child) => Opening;
}

/** How long a program may take from its start to an open session. */
export const startDeadlineMs = 60_000;

/** A harness whose program speaks a protocol of its own. */
export function programHarness(program: SpeakingProgram): Harness {
  const { launch, speak, ...card } = program;
  return {
    ...card,
    async connect(need) {
      await using workspace = await openWorkspace(need.cwd);
      return opened(speak(need, await startProgram(program, need, workspace.root)), program, need);
    },
  };
}

export async function startProgram({ id, launch }: Program, need: ConnectNeed, cwd: string): Promise<Child> {
  const { processes, run, hostEnv, programs, stateDir, clock } = need;
  const tempDir = await processes.tempDir(run);
  const chance = (bytes: number) => clock.chance(bytes);
  const { command, args, env } = await launch({
    ...need,
    tempDir,
    chance,
    node: programs.node,
    bin: (name) => programs.bin(name),
    writePrivate: writePrivateIn({ dir: stateDir, chance }),
  });
  return processes.spawn({
    run,
    name: id,
    command,
    args,
    cwd,
    env: { ...hostEnv, TERM: "dumb", TMPDIR: tempDir, ...env },
    secrets: need.secrets,
  });
}

/** Opens what was launched, or leaves nothing of it. */
export async function opened(
  connection: Opening,
  program: Pick<Program, "title">,
  need: ConnectNeed,
): Promise<Connection> {
  try {
    await bounded(connection.open(), program, need);
    return connection;
  } catch (error) {
    await connection.close({ force: true });
    throw startFault(program, error);
  }
}

/** Opening ends with the session open, the harness dead, the caller's signal, or the deadline: whichever is first. */
async function bounded(
  opening: Promise<void>,
  { title }: Pick<Program, "title">,
  { clock, signal }: ConnectNeed,
): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const takeBack = clock.after(startDeadlineMs, () => {
    const detail = `${title} did not open a session within ${startDeadlineMs / 1000} s.`;
    reject(new Fault("harness.start", { detail, help: "Run `corral doctor`, and look at the harness's own stderr." }));
  });
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    // Not thrown from here: the opening would then reject with nobody to hear it, which ends the daemon.
    if (signal.aborted) onAbort();
    await Promise.race([opening, promise]);
  } finally {
    takeBack();
    signal.removeEventListener("abort", onAbort);
  }
}

/** A harness that dies while it starts did not crash a turn: it never came up. */
function startFault({ title }: Pick<Program, "title">, error: unknown): unknown {
  if (!isFault(error, "harness.crashed")) return error;
  return new Fault("harness.start", {
    detail: `${title} did not start: ${error.message}`,
    help: "Run `corral doctor` to see whether it is installed and logged in.",
    ...(error.more ? { more: error.more } : {}),
    cause: error,
  });
}
