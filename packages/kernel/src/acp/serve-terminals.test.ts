/** A harness runs commands through its client: real processes, in the workspace, gone with the session. */
import { mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeId } from "@corral/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../ports/clock.system.ts";
import type { Processes } from "../process/process.ts";
import { createProcesses, ownerOf } from "../process/processes.ts";
import { openWorkspace, type Workspace } from "../workspace/workspace.ts";
import { createTerminals, type Terminals } from "./serve-terminals.ts";

const run = makeId("run", 0, systemClock.chance(16));
const hostEnv = { PATH: "/usr/local/bin:/usr/bin:/bin", COLOR: "host" };

let base: string;
let workspace: Workspace;
let processes: Processes;
let terminals: Terminals;

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), "corral-")));
  const [root, stateDir] = [join(base, "root"), join(base, "state")];
  await mkdir(join(root, "sub"), { recursive: true });
  await mkdir(stateDir);
  workspace = await openWorkspace(root);
  processes = createProcesses({ clock: systemClock, stateDir, owner: ownerOf(base), hostEnv });
  terminals = createTerminals({ processes, run, workspace, hostEnv });
});

afterEach(async () => {
  await terminals.close();
  await processes[Symbol.asyncDispose]();
  await workspace[Symbol.asyncDispose]();
  await rm(base, { recursive: true, force: true });
});

const never = new AbortController().signal;
const error = (code: number, words: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(words) });

function call(method: string, params: object, signal = never): Promise<unknown> {
  return terminals.serves[`terminal/${method}`]!({ sessionId: "s", ...params }, { signal });
}

async function create(params: object): Promise<string> {
  return ((await call("create", params)) as { terminalId: string }).terminalId;
}

interface Output {
  readonly output: string;
  readonly truncated: boolean;
  readonly exitStatus?: { readonly exitCode: number | null; readonly signal: string | null };
}

const output = async (terminalId: string) => (await call("output", { terminalId })) as Output;

async function runToEnd(params: object): Promise<Output> {
  const terminalId = await create(params);
  await call("wait_for_exit", { terminalId });
  return output(terminalId);
}

/** Reads the output again and again until it has the words. */
async function untilSaid(terminalId: string, words: string): Promise<Output> {
  for (;;) {
    const told = await output(terminalId);
    if (told.output.includes(words)) return told;
    if (told.exitStatus) throw new Error(`The command ended and said only: ${told.output}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("both outputs come in the order in which they were written, with the way it ended", async () => {
  const told = await runToEnd({ command: "/bin/sh", args: ["-c", "echo one; echo two >&2; echo three; exit 3"] });
  const exitStatus = { exitCode: 3, signal: null };
  expect(told).toEqual({ output: "one\ntwo\nthree\n", truncated: false, exitStatus });
});

test("arguments reach the program as they are, and a command without any is a line for the shell", async () => {
  const args = ["%s|", "a b", "$HOME", "'", ""];
  expect((await runToEnd({ command: "printf", args })).output).toBe("a b|$HOME|'||");
  expect((await runToEnd({ command: "echo a b | tr a-z A-Z && exit 7" })).output).toBe("A B\n");
  expect((await runToEnd({ command: "echo also", args: [] })).output).toBe("also\n");
});

test("a command starts in the workspace, or in the directory in it that was named, and nowhere else (invariant 9)", async () => {
  expect((await runToEnd({ command: "pwd" })).output).toBe(`${workspace.root}\n`);
  expect((await runToEnd({ command: "pwd", cwd: join(workspace.root, "sub") })).output).toBe(`${workspace.root}/sub\n`);
  await expect(call("create", { command: "pwd", cwd: "/" })).rejects.toEqual(error(-32602, "/"));
  await expect(call("create", { command: "pwd", cwd: "none" })).rejects.toEqual(error(-32002, "none"));
});

test("the environment is the host's with the request's variables on top, and the marks of the run stay", async () => {
  const env = ["COLOR=mine", "CORRAL_RUN=other"].map((pair) => ({
    name: pair.split("=")[0],
    value: pair.split("=")[1],
  }));
  const { output } = await runToEnd({ command: "/usr/bin/env", args: ["-u", "_"], env });
  const lines = output.trim().split("\n");
  expect(lines).toContain("COLOR=mine");
  expect(lines).toContain(`CORRAL_RUN=${run}`);
  expect(
    lines
      .map((line) => line.split("=")[0])
      .filter((name) => !/^(PWD|OLDPWD|SHLVL|CORRAL_.*)$/.test(name!))
      .sort(),
  ).toEqual(["COLOR", "PATH"]);
});

test("a program that does not exist is told in the output, as a shell tells it", async () => {
  const told = await runToEnd({ command: "no-such-program", args: ["x"] });
  expect(told.output).toContain("no-such-program");
  expect(told.exitStatus).toEqual({ exitCode: 127, signal: null });
});

test("a command that reads finds the end of its input", async () => {
  expect((await runToEnd({ command: "cat; echo done" })).output).toBe("done\n");
});

test("output beyond the limit loses its beginning", async () => {
  const told = await runToEnd({ command: "seq 1 100000", outputByteLimit: 12 });
  expect(told).toMatchObject({ output: "9999\n100000\n".slice(-12), truncated: true });
  const whole = await runToEnd({ command: "head -c 5000000 /dev/zero | tr '\\0' x" });
  expect(whole.output).toBe("x".repeat(1024 * 1024));
});

test("output is there while the command runs, and a killed command keeps it until it is released", async () => {
  const terminalId = await create({ command: "echo ready; sleep 1000" });
  expect(await untilSaid(terminalId, "ready")).toEqual({ output: "ready\n", truncated: false });
  const waiting = call("wait_for_exit", { terminalId });
  expect(await call("kill", { terminalId })).toEqual({});
  expect(await waiting).toEqual({ exitCode: null, signal: "SIGTERM" });
  expect(await output(terminalId)).toMatchObject({ output: "ready\n", exitStatus: { signal: "SIGTERM" } });
  expect(await call("release", { terminalId })).toEqual({});
  await expect(output(terminalId)).rejects.toEqual(error(-32002, terminalId));
});

test("releasing ends the command and what it started", async () => {
  const terminalId = await create({ command: "sleep 1000 & echo $!; trap '' TERM; echo ready; wait" });
  await untilSaid(terminalId, "ready");
  await call("release", { terminalId });
  expect((await processes.residue(run)).processes).toEqual([]);
  expect(await processes.list()).toEqual([]);
});

test("a wait ends with its request, and the command goes on", async () => {
  const terminalId = await create({ command: "sleep 1000" });
  const request = new AbortController();
  const waiting = call("wait_for_exit", { terminalId }, request.signal);
  request.abort(new Error("the session was cancelled"));
  await expect(waiting).rejects.toThrow("the session was cancelled");
  expect((await output(terminalId)).exitStatus).toBeUndefined();
});

test("closing ends every command, also one that is just being started, and starts no other (invariant 10)", async () => {
  await create({ command: "sleep 1000" });
  await create({ command: "sleep 1000" });
  const late = expect(create({ command: "sleep 1000" })).rejects.toEqual(error(-32603, "ended"));
  await terminals.close();
  await late;
  expect((await processes.residue(run)).processes).toEqual([]);
  await expect(create({ command: "true" })).rejects.toEqual(error(-32603, "ended"));
});

test("parameters of another shape are refused by the name of the field", async () => {
  await expect(call("create", { command: 5 })).rejects.toEqual(error(-32602, "command"));
  await expect(call("create", { command: "x", args: ["a\0b"] })).rejects.toEqual(error(-32602, "args.0"));
  const env = [{ name: "A=B", value: "" }];
  await expect(call("create", { command: "x", env })).rejects.toEqual(error(-32602, "env.0.name"));
  await expect(call("output", {})).rejects.toEqual(error(-32602, "terminalId"));
  await expect(call("kill", { terminalId: "terminal-9" })).rejects.toEqual(error(-32002, "terminal-9"));
});

test("files that a command wrote are in the workspace", async () => {
  await runToEnd({ command: "echo text > made.txt" });
  expect(await readFile(join(workspace.root, "made.txt"), "utf8")).toBe("text\n");
});
