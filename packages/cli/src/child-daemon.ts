/** A daemon as a child of this process, for showing what happens when one is killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Fault } from "@corral/protocol";

export interface ChildDaemon {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when it is gone; with its exit code, or undefined when a signal ended it. */
  kill(signal: NodeJS.Signals): Promise<number | undefined>;
}

export interface ChildDaemonNeed {
  /** What starts `corral`: the program and what comes before its own arguments. */
  readonly corral: readonly [string, ...string[]];
  readonly stateDir: string;
  readonly port: number;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const startLimitMs = 15_000;

/** The program that runs now, once more. */
export const thisProgram = (): readonly [string, ...string[]] => [
  process.execPath,
  ...(process.argv[1] === undefined ? [] : [process.argv[1]]),
];

/** The address that it prints when it listens. */
async function addressOf(child: ChildProcess, said: string[]): Promise<URL> {
  const found = Promise.withResolvers<URL>();
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on("line", (line) => {
      said.push(line);
      const url = /https?:\/\/\S+/.exec(line)?.[0];
      if (url) found.resolve(new URL(url));
    });
  }
  const fail = (why: string) => () =>
    found.reject(
      new Fault("daemon.unreachable", {
        detail: `The daemon ${why}: ${said.slice(-5).join(" ")}`,
        help: "Run `corral doctor` to see what is wrong.",
      }),
    );
  const timer = setTimeout(fail("did not say in time where it listens"), startLimitMs);
  child.once("error", fail("did not start"));
  child.once("exit", fail("ended at once"));
  return await found.promise.finally(() => clearTimeout(timer));
}

export async function startChildDaemon({ corral, stateDir, port, cwd, env }: ChildDaemonNeed): Promise<ChildDaemon> {
  const [command, ...before] = corral;
  const args = [...before, "serve", "--port", String(port), "--state", stateDir];
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  // A child that could not be started is told of by its address, which never comes.
  exited.catch((error: unknown) => error);
  try {
    const url = await addressOf(child, []);
    return {
      url: url.origin,
      port: Number(url.port),
      pid: child.pid ?? 0,
      async kill(signal) {
        if (child.exitCode === null && child.signalCode === null) {
          child.kill(signal);
          await exited;
        }
        return child.exitCode ?? undefined;
      },
    };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}
