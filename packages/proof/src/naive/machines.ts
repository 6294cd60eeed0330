/** Runners as they are written when nobody has been bitten yet: each leaves something where it must not be. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join, normalize } from "node:path";
import { sleep } from "@corral/kernel";
import { canaryVariable, spillsInProcesses } from "../look/canaries.ts";
import type { Evidence } from "../look/evidence.ts";
import { carriersOf, signal } from "../look/processes.ts";
import type { NaiveNeed } from "./logs.ts";

type Play = (need: NaiveNeed) => Promise<Partial<Evidence>>;

async function readyLine(child: ChildProcess): Promise<void> {
  if (child.stdout) await once(child.stdout, "data");
}

const shell = (script: string, env: Readonly<Record<string, string>>): ChildProcess =>
  spawn("sh", ["-c", script], { env: { ...env }, stdio: ["pipe", "pipe", "ignore"] });

async function end(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** Hands its whole environment on, because the agent may need something of it. */
export const envLeak: Play = async ({ hostEnv }) => {
  const secret = "canary-of-somebody-else";
  const ownEnv = { ...hostEnv, [canaryVariable]: secret };
  const child = shell("echo ready; read line", { ...ownEnv, CORRAL_RUN: "naive" });
  await readyLine(child);
  const canaries = { environment: secret, session: "no such secret", token: "no such token" };
  const spills = spillsInProcesses(canaries, {
    stateDir: "",
    daemonPid: process.pid,
    runs: [],
    without: [],
    stderr: "",
  });
  await end(child);
  return { spills };
};

/** Ends the one process that it has started, and calls that the end. */
export const orphan: Play = async ({ hostEnv, clock }) => {
  const mark = `naive-${Buffer.from(clock.chance(8)).toString("hex")}`;
  const child = shell("(sleep 600 >/dev/null 2>&1 & ) ; echo ready; read line", { ...hostEnv, CORRAL_OWNER: mark });
  await readyLine(child);
  await end(child);
  const left = carriersOf("CORRAL_OWNER", mark);
  for (const { pid } of left) signal(pid, "SIGKILL");
  return {
    left: left.map(({ pid, command }) => `process ${pid} (${command.replaceAll("\0", " ").trim()}) still runs`),
  };
};

/** Asks politely and waits until it has happened. */
export const endlessClose: Play = async ({ hostEnv, clock }) => {
  const boundMs = 200;
  const child = shell("trap '' TERM; echo ready; while :; do read line || sleep 1; done", hostEnv);
  await readyLine(child);
  const sinceMs = clock.monotonicMs();
  child.kill("SIGTERM");
  await Promise.race([once(child, "exit"), sleep(clock, boundMs + 50)]);
  const tookMs = Math.round(clock.monotonicMs() - sinceMs);
  await end(child);
  return { closings: [{ what: "the harness", tookMs, boundMs }] };
};

/** Compares the letters of paths, which know nothing of links. */
export const loosePath: Play = async ({ folder }) => {
  const [work, outside] = [join(folder, "naive-work"), join(folder, "naive-outside")];
  await mkdir(work, { recursive: true });
  await mkdir(outside, { recursive: true });
  await symlink(outside, join(work, "link"));
  const write = async (path: string, text: string) => {
    const target = normalize(join(work, path));
    if (!target.startsWith(work)) throw new Error("outside");
    await writeFile(target, text);
  };
  await write("link/canary.txt", "out");
  const text = await readFile(join(outside, "canary.txt"), "utf8");
  return { outside: text === "out" ? ["canary.txt was made outside the workspace"] : [] };
};
