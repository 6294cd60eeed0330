/** What the tests of installing share: a harness of two releases with programs for this platform, and a place to install into. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../ports/clock.system.ts";
import type { Processes } from "../process/process.ts";
import { createProcesses, ownerOf } from "../process/processes.ts";
import type { Installable } from "./install-plan.ts";
import { createInstaller, type Installer } from "./installer.ts";
import type { FakePackage } from "./registry.fixture.ts";

const here = `${process.platform}-${process.arch}`;
const native = (version: string): FakePackage => ({
  name: `zeta-${here}`,
  version,
  files: { "bin/zeta": `#!/bin/sh\necho native ${version}\n` },
  manifest: { os: [process.platform], cpu: [process.arch] },
});

const release = (version: string): readonly FakePackage[] => [
  {
    name: "zeta",
    version,
    files: { "cli.js": "#!/usr/bin/env node\nconsole.error('the postinstall script has not run'); process.exit(1);\n" },
    manifest: {
      bin: { zeta: "cli.js" },
      scripts: { postinstall: "echo ran > ../../ran-a-script" },
      optionalDependencies: { [`zeta-${here}`]: version, "zeta-other-os": version },
    },
  },
  native(version),
  { name: "zeta-other-os", version, manifest: { os: ["other"] } },
];

export const packages: readonly FakePackage[] = [
  ...release("1.0.0"),
  ...release("1.1.0"),
  { name: "zeta-acp", version: "0.3.0", files: { "dist/index.js": "console.log('speaks')\n" } },
  { name: "zeta-acp", version: "0.4.0", files: { "dist/index.js": "console.log('speaks newer')\n" } },
];

export const zeta: Installable & { readonly install: NonNullable<Installable["install"]> } = {
  id: "zeta",
  title: "Zeta",
  install: {
    packages: { zeta: "1.0.0", "zeta-acp": "0.3.0" },
    bins: { zeta: { [here]: `zeta-${here}/bin/zeta` }, acp: "zeta-acp/dist/index.js" },
    licence: "open",
  },
};

export interface Place extends AsyncDisposable {
  readonly root: string;
  readonly programsDir: string;
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly processes: Processes;
  readonly installer: Installer;
  /** The names in the folder of a harness. */
  shelf(): Promise<readonly string[]>;
}

export interface PlaceNeed {
  readonly registry: string;
  readonly root?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const names = async (dir: string): Promise<readonly string[]> => {
  try {
    return (await readdir(dir)).sort();
  } catch {
    // Not there: nothing is in it.
    return [];
  }
};

export async function openPlace({ registry, root, env = {} }: PlaceNeed): Promise<Place> {
  const at = root ?? (await mkdtemp(join(tmpdir(), "corral-")));
  const stateDir = await mkdtemp(join(at, "state-"));
  const programsDir = join(at, "own");
  const hostEnv = { PATH: process.env.PATH ?? "", HOME: at, npm_config_registry: registry, ...env };
  const clock = systemClock;
  const processes = createProcesses({ clock, stateDir, owner: ownerOf(stateDir), hostEnv });
  const installer = createInstaller({ programsDir, clock, processes, hostEnv });
  return {
    root: at,
    programsDir,
    hostEnv,
    processes,
    installer,
    shelf: () => names(join(programsDir, "agents", zeta.id)),
    async [Symbol.asyncDispose]() {
      await installer[Symbol.asyncDispose]();
      await processes[Symbol.asyncDispose]();
      if (root === undefined) await rm(at, { recursive: true, force: true });
    },
  };
}
