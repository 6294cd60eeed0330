/** Makes a harness out of data: how its program is launched, and the few things in which it differs from the protocol. */
import { opened, type Program, startProgram } from "../agents/program.ts";
import type { Connection, ConnectNeed, Harness } from "../ports/harness.ts";
import { openWorkspace } from "../workspace/workspace.ts";
import { AcpConnection, type AcpWays } from "./connection.ts";
import type { Corrections, CorrectionsNeed } from "./corrections.ts";
import type { Serve } from "./rpc.ts";
import { serveFiles } from "./serve-files.ts";
import { createTerminals } from "./serve-terminals.ts";

export interface AcpHarness extends Program {
  /** In which ways it may be brought back, best first; both unless said otherwise. */
  readonly restores?: AcpWays["restores"];
  /** What of the session's options goes into `_meta` of the requests that open a session. */
  readonly meta?: (options: ConnectNeed["options"]) => AcpWays["meta"];
  /** Straightens what it says; called once for each connection. */
  readonly corrections?: (need: CorrectionsNeed) => Corrections;
}

export function acpHarness(program: AcpHarness): Harness {
  const { launch, restores, meta, corrections, ...card } = program;
  return { ...card, connect: (need) => connect(program, need) };
}

async function connect(program: AcpHarness, need: ConnectNeed): Promise<Connection> {
  const { processes, run, hostEnv } = need;
  const workspace = await openWorkspace(need.cwd);
  const child = await startProgram(program, need, workspace.root);
  const terminals = createTerminals({ processes, run, workspace, hostEnv });
  const serves: Record<string, Serve> = { ...serveFiles(workspace), ...terminals.serves };
  const metaFrame = program.meta?.(need.options);
  const ways: AcpWays = {
    restores: program.restores ?? ["resume", "load"],
    ...(metaFrame ? { meta: metaFrame } : {}),
    ...(program.corrections ? { corrections: program.corrections(need) } : {}),
  };
  const connection = new AcpConnection(need, ways, child, serves);
  void connection.exited.then(() => Promise.all([terminals.close(), workspace[Symbol.asyncDispose]()]));
  return opened(connection, program, need);
}
