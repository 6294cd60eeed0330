/** Makes a harness out of data: how its program is launched, and the few things in which it differs from the protocol. */
import { Fault, isFault } from "@corral/protocol";
import { type WritePrivate, writePrivateIn } from "../agents/private-file.ts";
import type { Connection, ConnectNeed, Harness } from "../ports/harness.ts";
import { openWorkspace } from "../workspace/workspace.ts";
import { AcpConnection, type AcpWays } from "./connection.ts";
import type { Corrections } from "./corrections.ts";
import type { Serve } from "./rpc.ts";
import { serveFiles } from "./serve-files.ts";
import { createTerminals } from "./serve-terminals.ts";

type Given = "stateDir" | "secrets" | "options" | "settings" | "hostEnv" | "cwd" | "mcpServers";

export interface LaunchNeed extends Pick<ConnectNeed, Given> {
  /** Where the program may put temporary files; gone with the run. */
  readonly tempDir: string;
  /** The absolute path of a program that `install.bins` names. */
  readonly bin: (name: string) => string;
  /** A Node that runs the JavaScript ones. */
  readonly node: string;
  /** Writes a file below `stateDir` that may hold a key (0600 in 0700, atomically); answers with its path. Gone with the session. */
  readonly writePrivate: WritePrivate;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface AcpHarness extends Omit<Harness, "connect"> {
  readonly launch: (need: LaunchNeed) => Launch | Promise<Launch>;
  /** In which ways it may be brought back, best first; both unless said otherwise. */
  readonly restores?: AcpWays["restores"];
  /** What of the session's options goes into `_meta` of the requests that open a session. */
  readonly meta?: (options: ConnectNeed["options"]) => AcpWays["meta"];
  /** Straightens what it says; called once for each connection. */
  readonly corrections?: () => Corrections;
}

/** How long a program may take from its start to an open session. */
export const startDeadlineMs = 60_000;

export function acpHarness(program: AcpHarness): Harness {
  const { launch, restores, meta, corrections, ...card } = program;
  return { ...card, connect: (need) => connect(program, need) };
}

async function connect(program: AcpHarness, need: ConnectNeed): Promise<Connection> {
  const { processes, run, hostEnv, programs, stateDir, clock } = need;
  const workspace = await openWorkspace(need.cwd);
  const tempDir = await processes.tempDir(run);
  const { command, args, env } = await program.launch({
    ...need,
    tempDir,
    node: programs.node,
    bin: (name) => programs.bin(name),
    writePrivate: writePrivateIn({ dir: stateDir, chance: (bytes) => clock.chance(bytes) }),
  });
  const child = await processes.spawn({
    run,
    name: program.id,
    command,
    args,
    cwd: workspace.root,
    env: { ...hostEnv, TERM: "dumb", TMPDIR: tempDir, ...env },
    secrets: need.secrets,
  });
  const terminals = createTerminals({ processes, run, workspace, hostEnv });
  const serves: Record<string, Serve> = { ...serveFiles(workspace), ...terminals.serves };
  const metaFrame = program.meta?.(need.options);
  const ways: AcpWays = {
    restores: program.restores ?? ["resume", "load"],
    ...(metaFrame ? { meta: metaFrame } : {}),
    ...(program.corrections ? { corrections: program.corrections() } : {}),
  };
  const connection = new AcpConnection(need, ways, child, serves);
  void connection.exited.then(() => Promise.all([terminals.close(), workspace[Symbol.asyncDispose]()]));
  try {
    await bounded(connection.open(), program, need);
    return connection;
  } catch (error) {
    await connection.close({ force: true });
    throw startFault(program, error);
  }
}

/** Opening ends with the session open, the harness dead, the caller's signal, or the deadline: whichever is first. */
async function bounded(opening: Promise<void>, { title }: AcpHarness, { clock, signal }: ConnectNeed): Promise<void> {
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
function startFault({ title }: AcpHarness, error: unknown): unknown {
  if (!isFault(error, "harness.crashed")) return error;
  return new Fault("harness.start", {
    detail: `${title} did not start: ${error.message}`,
    help: "Run `corral doctor` to see whether it is installed and logged in.",
    ...(error.more ? { more: error.more } : {}),
    cause: error,
  });
}
