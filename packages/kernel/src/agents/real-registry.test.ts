/** Installing from the npm registry that this machine's user has set up: with the real thing, where it can be reached. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { systemClock } from "../ports/clock.system.ts";
import { createProcesses, ownerOf } from "../process/processes.ts";
import { createInstaller } from "./installer.ts";

const run = promisify(execFile);
const hostEnv = { ...process.env, HOME: homedir() };
const wanted = { id: "is-number", title: "Is number" };

async function isReachable(): Promise<boolean> {
  try {
    await run("npm", ["view", "is-number@7.0.0", "version", "--fetch-retries=0", "--fetch-timeout=10000"]);
    return true;
  } catch {
    // Whatever keeps it away, there is nothing to install from.
    return false;
  }
}

// In CI a registry is part of what is promised, so there it is not asked whether one is there.
const reachable = Boolean(process.env.CI) || (await isReachable());

test.skipIf(!reachable)(
  "a package and an ACP adapter come from the real registry (D-03); skipped where none can be reached",
  { timeout: 300_000 },
  async () => {
    const root = await mkdtemp(join(tmpdir(), "corral-"));
    const clock = systemClock;
    const processes = createProcesses({ clock, stateDir: root, owner: ownerOf(root), hostEnv });
    const installer = createInstaller({ programsDir: join(root, "data"), clock, processes, hostEnv });
    try {
      const small = {
        packages: { "is-number": "7.0.0" },
        bins: { main: "is-number/index.js" },
        licence: "open",
      } as const;
      const { programs } = await installer.install({ ...wanted, install: small });
      expect(existsSync(programs.bin("main"))).toBe(true);
      const adapter = {
        packages: { "pi-acp": "0.0.34" },
        bins: { acp: "pi-acp/dist/index.js" },
        licence: "open",
      } as const;
      const acp = await installer.install({ id: "pi", title: "Pi", install: adapter });
      expect(acp.artifacts).toMatchObject([{ kind: "agent_process", version: "0.0.34" }]);
      expect(await installer.installed({ id: "pi", title: "Pi", install: adapter })).toEqual({ version: "0.0.34" });
    } finally {
      await installer[Symbol.asyncDispose]();
      await processes[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    }
  },
);
