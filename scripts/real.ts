/** Plays the common cases with the real harnesses: installs what is missing, then runs them where there is no network. */
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { harnesses } from "@corral/drivers";
import { createInstaller, createProcesses, type Harness, ownerOf, systemClock } from "@corral/kernel";

const dataDir = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "corral-tests");
const wanted = process.argv.slice(2);
const real = harnesses.filter(({ install, id }) => install && (wanted.length === 0 || wanted.includes(id)));

async function install(harness: Harness): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), "corral-"));
  await using processes = createProcesses({
    clock: systemClock,
    stateDir,
    owner: ownerOf(stateDir),
    hostEnv: { PATH: process.env.PATH ?? "" },
  });
  await using installer = createInstaller({ dataDir, clock: systemClock, processes, hostEnv: process.env });
  await installer.install(harness, { onProgress: ({ step, detail }) => console.log(harness.id, step, detail) });
  await rm(stateDir, { recursive: true, force: true });
}
for (const harness of real) await install(harness);
