/** Runs the real `corral` as a child process, in a home of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";

export const mainFile = inject("corral");

export interface Ran {
  /** As a shell tells it: of a program that a signal ended, 128 and the signal's number. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves when what was said matches; rejects when the program ends without having said it. */
  says(pattern: RegExp): Promise<string>;
  readonly ended: Promise<Ran>;
}

export interface Home extends AsyncDisposable {
  readonly folder: string;
  readonly work: string;
  readonly env: Readonly<Record<string, string>>;
  start(args: readonly string[], options?: { readonly env?: Readonly<Record<string, string>> }): Running;
  corral(
    args: readonly string[],
    options?: { readonly input?: string; readonly env?: Record<string, string> },
  ): Promise<Ran>;
  /** Runs a line in a shell that knows `corral`. */
  sh(line: string): Promise<Ran>;
  write(name: string, text: string): Promise<string>;
  /** Starts a daemon on a free port and answers when it listens. */
  serve(args?: readonly string[]): Promise<Running & { readonly url: string }>;
}

function listen(child: ChildProcess): Running {
  let [stdout, stderr] = ["", ""];
  const looks = new Set<() => void>();
  const wake = () => {
    for (const look of looks) look();
  };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    wake();
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    wake();
  });
  const ended = once(child, "close").then(([code, signal]: (number | NodeJS.Signals | null)[]): Ran => {
    const told = typeof code === "number" ? code : 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
    return { code: told, stdout, stderr };
  });
  const says = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(stdout) ?? pattern.exec(stderr);
        if (!found) return;
        looks.delete(look);
        resolve(found[0]);
      };
      looks.add(look);
      look();
      void ended.then(() => reject(new Error(`it ended without ${pattern}:\n${stdout}\n${stderr}`)));
    });
  return { child, stdout: () => stdout, stderr: () => stderr, says, ended };
}

export async function openHome(): Promise<Home> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "corral-")));
  const work = join(folder, "work");
  await mkdir(work);
  const running = new Set<Running>();
  const base = {
    PATH: process.env.PATH ?? "",
    HOME: folder,
    LANG: "C.UTF-8",
    CORRAL_STATE: join(folder, "state"),
    XDG_CACHE_HOME: inject("compiled"),
  };
  const launch = (command: string, args: readonly string[], env: Readonly<Record<string, string>>) => {
    const child = spawn(command, args, { cwd: work, env: { ...base, ...env }, stdio: "pipe" });
    // A program that ends without reading what it is given is told of by its exit code.
    child.stdin.on("error", (error) => error);
    const one = listen(child);
    running.add(one);
    void one.ended.then(() => running.delete(one));
    return one;
  };
  const start: Home["start"] = (args, { env = {} } = {}) => launch(process.execPath, [mainFile, ...args], env);
  return {
    folder,
    work,
    env: base,
    start,
    async corral(args, { input = "", env = {} } = {}) {
      const one = start(args, { env });
      one.child.stdin?.end(input);
      return one.ended;
    },
    async sh(line) {
      const corral = `corral() { "${process.execPath}" "${mainFile}" "$@"; }; ${line}`;
      const one = launch("sh", ["-c", corral], {});
      one.child.stdin?.end();
      return one.ended;
    },
    async write(name, text) {
      await writeFile(join(work, name), text);
      return join(work, name);
    },
    async serve(args = []) {
      const one = start(["serve", "--port", "0", ...args]);
      const url = (await one.says(/http:\/\/[\w.:[\]]+:\d+/)).trim();
      await one.says(/try {4}corral run/);
      return { ...one, url };
    },
    async [Symbol.asyncDispose]() {
      for (const one of running) {
        one.child.kill("SIGTERM");
        await one.ended;
      }
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export const linesOf = (text: string): readonly string[] => text.split("\n").filter((line) => line !== "");

export interface ResultLine {
  readonly type: string;
  readonly session: string;
  readonly turn: string;
  readonly outcome: string;
  readonly exitCode: number;
  readonly output: string;
  readonly fault?: { readonly code: string };
  readonly asks?: readonly { readonly id: string }[];
}

/** The last line of `run --json`. */
export const resultOf = ({ stdout }: Pick<Ran, "stdout">): ResultLine =>
  JSON.parse(linesOf(stdout).at(-1) ?? "{}") as ResultLine;
