/** Serves a harness that runs commands through its client: each is a process of the harness's own run, and ends with it. */
import type { RunId } from "@corral/protocol";
import { z } from "zod";
import type { Child, Exit, Processes } from "../process/process.ts";
import type { Workspace } from "../workspace/workspace.ts";
import { createOutputTail, type OutputTail } from "./output-tail.ts";
import { RpcError, rpcCodes, type Serve } from "./rpc.ts";
import { optional, plainText, resourceMissing, serving } from "./serving.ts";

export const usualOutputBytes = 1024 * 1024;
/** Escaped in JSON a byte may take six, and the answer must fit in one frame. */
const maxOutputBytes = 2 * usualOutputBytes;

export interface TerminalsNeed {
  readonly processes: Processes;
  readonly run: RunId;
  readonly workspace: Workspace;
  /** What every command is given; its own variables come on top. */
  readonly hostEnv: Readonly<Record<string, string>>;
}

export interface Terminals {
  readonly serves: Readonly<Record<string, Serve>>;
  /** Ends every command that was not released, also one that is just being started. */
  close(): Promise<void>;
}

const variableName = plainText.min(1).refine((name) => !name.includes("="), 'must not contain "="');

const createParams = z.object({
  sessionId: z.string(),
  command: plainText.min(1),
  args: optional(z.array(plainText)),
  env: optional(z.array(z.object({ name: variableName, value: plainText }))),
  cwd: optional(plainText.min(1)),
  outputByteLimit: optional(z.int().nonnegative()),
});

type CreateParams = z.output<typeof createParams>;

const terminalParams = z.object({ sessionId: z.string(), terminalId: z.string() });

interface Terminal {
  readonly child: Child;
  readonly tail: OutputTail;
  /** Resolves when the command has ended and all that it said was read. */
  readonly ended: Promise<Exit>;
  /** The same, once it is known. */
  exit(): Exit | undefined;
}

/** In ACP's words, where null is the word for absent. */
const exitStatus = ({ code, signal }: Exit) => ({ exitCode: code ?? null, signal: signal ?? null });

/**
 * Both outputs go into one pipe, so that they come in the order in which they were written. A command without arguments is
 * a line for the shell, as harnesses send it; one with arguments is started as it is.
 */
function shellArgs({ command, args = [] }: CreateParams): readonly string[] {
  if (args.length === 0) return ["-c", 'exec 2>&1; exec /bin/sh -c "$1"', "sh", command];
  return ["-c", 'exec 2>&1; exec "$@"', "sh", command, ...args];
}

const environment = (hostEnv: Readonly<Record<string, string>>, { env = [] }: CreateParams) => ({
  ...hostEnv,
  ...Object.fromEntries(env.map(({ name, value }) => [name, value])),
});

function watch(child: Child, limitBytes: number): Terminal {
  const tail = createOutputTail(limitBytes);
  const readOut = new Promise<void>((resolve) => child.stdout.once("close", () => resolve()));
  child.stdout.on("data", (chunk: Uint8Array) => tail.add(chunk));
  // There is nobody to type: a command that reads finds the end.
  child.stdin.end();
  let exit: Exit | undefined;
  const ended = Promise.all([child.exited, readOut]).then(([told]) => {
    exit = told;
    return told;
  });
  return { child, tail, ended, exit: () => exit };
}

function readOutput({ tail, exit }: Terminal) {
  const ended = exit();
  const told = tail.read({ whole: ended !== undefined });
  return ended === undefined ? told : { ...told, exitStatus: exitStatus(ended) };
}

/** Its stdin is closed already; it is asked with SIGTERM at once. */
const finish = ({ child }: Terminal): Promise<Exit> => child.close({ eofMs: 0 });

/** The end of the command, or of the request for it. */
function exitOrAbort({ ended }: Terminal, signal: AbortSignal): Promise<Exit> {
  const { promise, resolve, reject } = Promise.withResolvers<Exit>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  ended.then(resolve, reject);
  return promise.finally(() => signal.removeEventListener("abort", onAbort));
}

class TerminalTable implements Terminals {
  readonly #need: TerminalsNeed;
  readonly #terminals = new Map<string, Terminal>();
  readonly #creating = new Set<Promise<unknown>>();
  #lastId = 0;
  #closed = false;

  constructor(need: TerminalsNeed) {
    this.#need = need;
  }

  readonly serves: Readonly<Record<string, Serve>> = {
    "terminal/create": serving(createParams, (params, { signal }) => this.#create(params, signal)),
    "terminal/output": serving(terminalParams, async ({ terminalId }) => readOutput(this.#find(terminalId))),
    "terminal/wait_for_exit": serving(terminalParams, async ({ terminalId }, { signal }) =>
      exitStatus(await exitOrAbort(this.#find(terminalId), signal)),
    ),
    "terminal/kill": serving(terminalParams, async ({ terminalId }) => {
      await finish(this.#find(terminalId));
      return {};
    }),
    "terminal/release": serving(terminalParams, async ({ terminalId }) => {
      const terminal = this.#find(terminalId);
      this.#terminals.delete(terminalId);
      await finish(terminal);
      return {};
    }),
  };

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#creating);
    const rest = [...this.#terminals.values()].toReversed();
    this.#terminals.clear();
    await Promise.all(rest.map(finish));
  }

  /** Closing waits for what is just being started, until that is ended too. */
  async #create(params: CreateParams, signal: AbortSignal): Promise<{ readonly terminalId: string }> {
    const creating = this.#startUnlessClosed(params, signal);
    this.#creating.add(creating);
    try {
      return { terminalId: await creating };
    } finally {
      this.#creating.delete(creating);
    }
  }

  async #startUnlessClosed(params: CreateParams, signal: AbortSignal): Promise<string> {
    const over = () => this.#closed || signal.aborted;
    const refusal = new RpcError(rpcCodes.internal, "The session ended before the command was started");
    if (over()) throw refusal;
    const terminal = await this.#start(params);
    if (over()) {
      await finish(terminal);
      throw refusal;
    }
    const terminalId = `terminal-${++this.#lastId}`;
    this.#terminals.set(terminalId, terminal);
    return terminalId;
  }

  async #start(params: CreateParams): Promise<Terminal> {
    const { processes, run, workspace, hostEnv } = this.#need;
    const child = await processes.spawn({
      run,
      name: "terminal",
      command: "/bin/sh",
      args: shellArgs(params),
      cwd: await workspace.directory(params.cwd ?? "."),
      env: environment(hostEnv, params),
    });
    return watch(child, Math.min(params.outputByteLimit ?? usualOutputBytes, maxOutputBytes));
  }

  #find(terminalId: string): Terminal {
    const terminal = this.#terminals.get(terminalId);
    if (terminal) return terminal;
    throw new RpcError(resourceMissing, `Resource not found: ${terminalId} is no terminal of this session`, {
      terminalId,
    });
  }
}

export const createTerminals = (need: TerminalsNeed): Terminals => new TerminalTable(need);
