/** How a daemon stops: on one signal in order, on two at once, and when something hangs within its bound. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Home, openHome } from "./cli.fixture.ts";

let home: Home;
beforeEach(async () => {
  home = await openHome();
});
afterEach(() => home[Symbol.asyncDispose]());

/** A zombie is over: it only waits for its parent to look. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** A daemon with a turn that does not end, of an agent that neither SIGTERM nor a closed pipe ends. */
async function busyDaemon() {
  const steps = ["ignore-sigterm", { say: "wait" }, "hang"];
  const file = await home.write("deaf.json", JSON.stringify({ name: "deaf", turns: [{ steps }] }));
  const daemon = await home.serve();
  const run = home.start(["run", "--story", file, "x"]);
  await run.says(/wait/);
  const [agent] = JSON.parse((await home.corral(["ps", "--json"])).stdout) as readonly { readonly pid: number }[];
  return { daemon, run, agentPid: agent?.pid ?? 0 };
}

/** Tries until it no longer throws; the test's own time limit is the bound. */
async function firstOf<T>(attempt: () => T): Promise<T> {
  for (;;) {
    try {
      return attempt();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

const lastTurn = async () => JSON.parse((await home.corral(["sessions", "show", "last", "--json"])).stdout).lastTurn;

test("one signal ends the running turn and its agent, however deaf, before the daemon leaves with 0", async () => {
  const { daemon, agentPid } = await busyDaemon();
  expect(isAlive(agentPid)).toBe(true);
  daemon.child.kill("SIGTERM");
  const { code, stderr } = await daemon.ended;
  expect([code, stderr]).toEqual([0, expect.stringContaining("a second signal leaves at once")]);
  expect(isAlive(agentPid)).toBe(false);
  expect(await lastTurn()).toMatchObject({ outcome: expect.stringMatching(/cancelled|failed|lost/) });
});

test("a second signal leaves at once with 130, and the next daemon sweeps what was left and ends the turn as lost", async () => {
  const { daemon, run, agentPid } = await busyDaemon();
  // Held still, the agent can take no part in an orderly end.
  process.kill(agentPid, "SIGSTOP");
  daemon.child.kill("SIGTERM");
  await daemon.says(/second signal/);
  daemon.child.kill("SIGINT");
  expect((await daemon.ended).code).toBe(130);
  await home.serve(["--port", new URL(daemon.url).port]);
  expect(isAlive(agentPid)).toBe(false);
  expect((await home.corral(["doctor", "residue"])).stdout).toMatch(/^ok/);
  await run.ended;
  expect(await lastTurn()).toMatchObject({ outcome: expect.stringMatching(/cancelled|lost/) });
});

test("a signal is heard while the daemon is still starting, and is bounded then as well", async () => {
  const folder = join(home.folder, "config", "corral");
  await mkdir(folder, { recursive: true });
  const file = join(folder, "config.json");
  execFileSync("mkfifo", ["-m", "600", file]);
  const daemon = home.start(["serve", "--port", "0"], {
    env: { ...home.env, XDG_CONFIG_HOME: join(home.folder, "config") },
  });
  // Opened once somebody reads it; nothing is ever written, so the daemon waits for its configuration.
  const held = await firstOf(() => openSync(file, constants.O_WRONLY | constants.O_NONBLOCK));
  daemon.child.kill("SIGTERM");
  const { code, stderr } = await daemon.ended;
  closeSync(held);
  expect([code, stderr]).toEqual([137, expect.stringMatching(/Stopping \(SIGTERM\).*\nNot everything closed in time/)]);
});

test("a daemon that cannot close in time says so, is ended all the same, and the next one sweeps what it left", async () => {
  const { daemon, run, agentPid } = await busyDaemon();
  // Whoever reads this file waits for a writer that never comes: closing hangs in its first step.
  const serverFile = join(home.folder, "state", "daemon.json");
  await rm(serverFile);
  execFileSync("mkfifo", ["-m", "600", serverFile]);
  daemon.child.kill("SIGTERM");
  const { code, stderr } = await daemon.ended;
  expect([code, stderr]).toEqual([137, expect.stringContaining("Not everything closed in time")]);
  await rm(serverFile);
  await home.serve(["--port", new URL(daemon.url).port]);
  expect(isAlive(agentPid)).toBe(false);
  await run.ended;
  expect(await lastTurn()).toMatchObject({ outcome: "lost" });
});
