/** Where a document's blocks run: one directory, one home, one shell, and a daemon if there is one. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { root } from "./source.ts";

export interface Ran {
  /** `timeout` when the block did not end in time. */
  readonly code: number | "timeout";
  readonly output: string;
}

export interface Stage extends AsyncDisposable {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Runs a program to its end. */
  run(command: string, args: readonly string[], limitMs?: number): Promise<Ran>;
  /** Runs lines in the stage's one shell: what a block sets, the next one has. The first line that fails ends the block. */
  shell(text: string, limitMs?: number): Promise<Ran>;
  /** Starts a server and answers with the first http address that it prints. */
  serve(command: string, args: readonly string[], limitMs?: number): Promise<string>;
  /** Adds to the environment of everything that starts from now on. */
  set(name: string, value: string): void;
}

const blockLimitMs = 60_000;
const endedBy = ["SIGTERM", "SIGKILL"] as const;

/** Ends a child with all that it started: asks first, then insists. */
async function endGroup(child: ChildProcess): Promise<void> {
  for (const signal of endedBy) {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      return; // The whole group is gone already.
    }
    if (child.exitCode === null && child.signalCode === null) {
      await Promise.race([once(child, "exit"), after(5_000)]);
    }
  }
}

const after = (ms: number): Promise<"timeout"> =>
  new Promise((resolve) => setTimeout(() => resolve("timeout"), ms).unref());

interface Heard {
  said(): string;
  /** Resolves when the pattern has been said; never, when it never is. */
  hears(pattern: RegExp): Promise<string>;
}

/** Collects what a child says, and tells when a pattern has come. */
function listen(child: ChildProcess): Heard {
  let said = "";
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      for (const look of waiting) look();
    });
  }
  const hears = (pattern: RegExp): Promise<string> =>
    new Promise((resolve) => {
      const look = () => {
        const match = pattern.exec(said)?.[0];
        if (match === undefined) return;
        waiting.delete(look);
        resolve(match);
      };
      waiting.add(look);
      look();
    });
  return { said: () => said, hears };
}

const closed = async (child: ChildProcess): Promise<number> => {
  const [code] = await once(child, "close");
  return typeof code === "number" ? code : 1;
};

async function awaitAddress(child: ChildProcess, limitMs: number): Promise<string> {
  const { said, hears } = listen(child);
  const address = hears(/https?:\/\/[\w.:[\]-]+:\d+/);
  const told = await Promise.race([address, closed(child), after(limitMs)]);
  if (typeof told === "string" && told !== "timeout") return told;
  await endGroup(child);
  throw new Error(
    `the server printed no address (${told === "timeout" ? "timeout" : `it ended with ${told}`}):\n${said()}`,
  );
}

/** A directory with the `corral` command on the PATH and the packages within reach of `import`. */
async function furnish(folder: string): Promise<Readonly<Record<string, string>>> {
  const [bin, home] = [join(folder, ".bin"), join(folder, ".home")];
  for (const each of [bin, home]) await mkdir(each);
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  const cache = `XDG_CACHE_HOME="${inject("compiled")}"`;
  const shim = `#!/bin/sh\nexec env ${cache} "${process.execPath}" "${inject("corral")}" "$@"\n`;
  await writeFile(join(bin, "corral"), shim, { mode: 0o755 });
  const path = [bin, join(root, "node_modules", ".bin"), process.env.PATH ?? ""].join(":");
  // Nothing else is inherited: a document must work for a reader who has none of our settings.
  return { PATH: path, HOME: home, TMPDIR: folder, LANG: "C.UTF-8", CORRAL_STATE: join(home, "state") };
}

/** The one shell of a stage. It says a mark when a block is done; a block that fails ends it instead. */
interface Shell {
  readonly alive: () => boolean;
  run(file: string, limitMs: number): Promise<Ran>;
}

function startShell(child: ChildProcess): Shell {
  const { said, hears } = listen(child);
  const end = closed(child);
  let heard = 0;
  return {
    alive: () => child.exitCode === null && child.signalCode === null,
    async run(file, limitMs) {
      const mark = `--- ${file} is done ---`;
      child.stdin?.write(`. "${file}" </dev/null; echo "${mark}"\n`);
      const code = await Promise.race([hears(new RegExp(mark)).then(() => 0), end, after(limitMs)]);
      if (code === "timeout") await endGroup(child);
      const output = said().slice(heard).replace(`${mark}\n`, "");
      heard = said().length;
      return { code, output };
    },
  };
}

/** Starts children in a folder, each with a group of its own, and ends those that are left. */
function createStarter(folder: string, env: Readonly<Record<string, string>>) {
  const children = new Set<ChildProcess>();
  return {
    start(command: string, args: readonly string[], stdin: "ignore" | "pipe" = "ignore"): ChildProcess {
      const child = spawn(command, args, { cwd: folder, env, detached: true, stdio: [stdin, "pipe", "pipe"] });
      children.add(child);
      // A program that cannot start closes at once with a code; what it was to do then fails, and says so.
      child.on("error", (error) => child.stderr?.push(`${command}: ${error.message}\n`));
      // A shell that died while it was written to is told by its end.
      child.stdin?.on("error", (error) => child.stderr?.push(`${command}: ${error.message}\n`));
      return child;
    },
    async end(child: ChildProcess) {
      children.delete(child);
      await endGroup(child);
    },
    async endAll() {
      for (const child of [...children].reverse()) await endGroup(child);
    },
  };
}

export async function openStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "corral-"));
  const env: Record<string, string> = { ...(await furnish(folder)) };
  const starter = createStarter(folder, env);
  let blocks = 0;
  let shell: Shell | undefined;
  return {
    folder,
    env,
    set(name, value) {
      env[name] = value;
    },
    async run(command, args, limitMs = blockLimitMs) {
      const child = starter.start(command, args);
      const { said } = listen(child);
      const code = await Promise.race([closed(child), after(limitMs)]);
      await starter.end(child);
      return { code, output: said() };
    },
    serve: (command, args, limitMs = blockLimitMs) => awaitAddress(starter.start(command, args), limitMs),
    async shell(text, limitMs = blockLimitMs) {
      if (!shell?.alive())
        shell = startShell(starter.start("bash", ["--noprofile", "--norc", "-euo", "pipefail"], "pipe"));
      blocks += 1;
      const file = join(folder, ".bin", `block-${blocks}.sh`);
      await writeFile(file, `${text}\n`);
      return shell.run(file, limitMs);
    },
    async [Symbol.asyncDispose]() {
      await starter.endAll();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
