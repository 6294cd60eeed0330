/** The peer that we measure ourselves by: its published binary and SDK, fetched from npm once and kept outside the repository. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort, type Server, start } from "./child.ts";

export const peerPackages = ["@sandbox-agent/cli@0.4.2", "sandbox-agent@0.4.2"];

export interface Peer {
  /** Where its packages were fetched to. */
  readonly folder: string;
  readonly program: string;
  /** Starts it; with an agent, its mock is replaced by that command. */
  start(agent?: readonly string[]): Promise<Server>;
}

const run = promisify(execFile);

/** Exact versions each have a directory of their own, so what is there is what is wanted. */
export const cacheOf = (name: string): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "corral-bench", name.replaceAll(/[^\w.-]+/g, "_"));

/** Installs packages into the cache unless they are there. */
export async function fetchPackages(packages: readonly string[]): Promise<string> {
  const folder = cacheOf(packages.join("+"));
  const done = join(folder, "done");
  if (existsSync(done)) return folder;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), '{"private":true}\n');
  const flags = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact"];
  await run("npm", [...flags, ...packages], { cwd: folder, timeout: 120_000 });
  await writeFile(done, "");
  return folder;
}

/** The binary of this platform; its own installer would have made it executable. */
async function binaryIn(folder: string): Promise<string> {
  const scope = join(folder, "node_modules", "@sandbox-agent");
  const platform = (await readdir(scope)).find((name) => name.startsWith("cli-") && name !== "cli-shared");
  const program = join(scope, platform ?? "cli-none", "bin", "sandbox-agent");
  await chmod(program, 0o755);
  return program;
}

/** Where it looks for the agent that it calls mock. */
async function replaceMock(home: string, agent: readonly string[]): Promise<void> {
  const bin = join(home, ".local/share/sandbox-agent/bin/agent_processes");
  await mkdir(bin, { recursive: true });
  const words = agent.map((word) => `'${word}'`).join(" ");
  await writeFile(join(bin, "mock-acp"), `#!/bin/sh\nexec ${words}\n`, { mode: 0o755 });
}

async function installMock(url: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${url}/v1/agents/mock/install`, { method: "POST", headers, body: "{}" });
  if (!answer.ok) throw new Error(`the peer did not install its mock: ${await answer.text()}`);
}

export async function preparePeer(folder: string): Promise<Peer> {
  const fetched = await fetchPackages(peerPackages);
  const program = await binaryIn(fetched);
  return {
    folder: fetched,
    program,
    async start(agent) {
      const port = await freePort();
      const home = await mkdtemp(join(folder, "peer-"));
      if (agent) await replaceMock(home, agent);
      const env = { PATH: process.env.PATH ?? "", HOME: home, LANG: "C.UTF-8" };
      const args = ["server", "--no-token", "--no-telemetry", "--port", String(port)];
      const server = await start({ command: program, args, env, port });
      if (!agent) await installMock(server.url);
      return server;
    },
  };
}
