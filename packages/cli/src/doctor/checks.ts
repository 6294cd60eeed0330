/** What `corral doctor` looks at, one function each; what a check finds is data. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import type { Corral } from "@corral/client";
import type { Config } from "../config.ts";
import { isAnswering } from "../reach.ts";
import { readServerFile } from "../server-file.ts";
import { allSessions } from "../session-named.ts";

export type Level = "ok" | "warn" | "fail";

export interface Finding {
  readonly name: string;
  readonly level: Level;
  readonly says: string;
  /** What to do about it. */
  readonly help?: string;
}

export const ok = (name: string, says: string): Finding => ({ name, level: "ok", says });
export const warn = (name: string, says: string, help: string): Finding => ({ name, level: "warn", says, help });
export const fail = (name: string, says: string, help: string): Finding => ({ name, level: "fail", says, help });

const leastNode = [24, 15] as const;

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const enough = major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1]);
  const wanted = leastNode.join(".");
  return enough
    ? ok("node", `Node ${version}`)
    : fail("node", `Node ${version} is too old`, `Install Node ${wanted} or newer.`);
}

export async function checkStateDir({ stateDir }: Config): Promise<Finding> {
  try {
    const found = await stat(stateDir);
    if (!found.isDirectory()) return fail("state", `${stateDir} is no directory`, "Name another one with --state.");
    await access(stateDir, constants.R_OK | constants.W_OK | constants.X_OK);
    if ((found.mode & 0o077) === 0) return ok("state", `${stateDir}, private and writable`);
    return warn("state", `Other users can look into ${stateDir}`, "The next start of Corral closes it to them.");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return ok("state", `${stateDir} is not there yet; it is made when it is needed`);
    return fail(
      "state",
      `${stateDir} cannot be used: ${message}`,
      "Correct its rights, or name another one with --state.",
    );
  }
}

export async function checkDaemon({ stateDir, url }: Config): Promise<Finding> {
  if (url !== undefined) {
    const answers = await isAnswering(url);
    return answers ? ok("daemon", `answers at ${url}`) : fail("daemon", `${url} does not answer`, "Check the address.");
  }
  const server = await readServerFile(stateDir);
  if (server === undefined) return ok("daemon", "none is running; commands work without one");
  if (await isAnswering(server.url)) return ok("daemon", `answers at ${server.url} (process ${server.pid})`);
  return warn(
    "daemon",
    `${server.url} does not answer; it did not end by itself`,
    "Start it again with `corral serve`: nothing that was acknowledged is lost.",
  );
}

export async function checkMeans(): Promise<Finding> {
  const { ownershipMeans } = await import("@corral/kernel");
  return ownershipMeans() === "cgroup"
    ? ok("ownership", "processes are owned through control groups")
    : ok("ownership", "processes are owned through marks in their environment");
}

export async function checkStore(corral: Corral): Promise<Finding> {
  let count = 0;
  for await (const _ of allSessions(corral)) count += 1;
  return ok("store", `opens and reads; ${count} ${count === 1 ? "session" : "sessions"}`);
}

export async function checkAgents(corral: Corral): Promise<readonly Finding[]> {
  const agents = await corral.agents();
  return agents.map(({ id, title, installed, version }) =>
    installed
      ? ok(`agent ${id}`, [title, version].filter(Boolean).join(" "))
      : warn(`agent ${id}`, `${title} is not installed`, "Install it when you want to use it."),
  );
}
