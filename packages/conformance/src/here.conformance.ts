/** Where the tests of this machine find programs: a cache that outlives them. */
import { homedir } from "node:os";
import { join } from "node:path";
import type { Surroundings } from "./house.ts";

/** Installed once and kept: the agents are some hundred megabytes each. */
export const agentsDir: string = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "corral-tests");

export const here: Surroundings = {
  programsDir: agentsDir,
  hostEnv: { PATH: process.env.PATH ?? "", LANG: "C.UTF-8" },
  installEnv: process.env,
};
