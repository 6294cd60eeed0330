/** Which version of a harness is installed: looks only, and installs nothing. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProcesses, type Harness, ownerOf, systemClock } from "@corral/kernel";
import { Fault } from "@corral/protocol";
import { openInstaller, type Surroundings } from "./house.ts";

/** Throws `agent.not_installed`; absent for one that is a part of Corral. */
export async function installedVersion(harness: Harness, surroundings: Surroundings): Promise<string | undefined> {
  const stateDir = await mkdtemp(join(tmpdir(), "corral-"));
  const { hostEnv } = surroundings;
  try {
    await using processes = createProcesses({ clock: systemClock, stateDir, owner: ownerOf(stateDir), hostEnv });
    await using installer = openInstaller(processes, surroundings);
    const found = await installer.installed(harness);
    if (found || !harness.install) return found?.version;
    throw new Fault("agent.not_installed", {
      detail: `${harness.title} is not installed`,
      help: `Install it: corral agents install ${harness.id}`,
    });
  } finally {
    await rm(stateDir, { recursive: true });
  }
}
