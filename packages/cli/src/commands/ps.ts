/** `corral ps`: which harness processes are alive, and whose they are. */
import type { RunRow } from "@corral/protocol";
import type { Command } from "commander";
import { declare, jsonOption, reachOptions, type Stage, settingsOf } from "../command.ts";
import { type Config, type ConfigFlags, readConfig } from "../config.ts";
import { exitCodes } from "../exit-code.ts";
import { ageOf, mebibytes } from "../output/measure.ts";
import { type Column, writeJson, writeTable } from "../output/table.ts";
import { findServer, reach } from "../reach.ts";

interface PsFlags extends ConfigFlags {
  readonly json?: boolean;
}

const columnsAt = (nowMs: number): readonly Column<RunRow>[] => [
  { title: "PID", of: ({ pid }) => pid },
  { title: "AGENT", of: ({ agent }) => agent },
  { title: "AGE", of: ({ startedAt }) => ageOf(startedAt, nowMs) },
  { title: "MEMORY", of: ({ residentBytes }) => mebibytes(residentBytes) },
  { title: "SESSION", of: ({ session }) => session },
  { title: "RUN", of: ({ run }) => run },
];

/** Without a daemon nothing runs: there is no need to start one to know. */
async function runsOf(config: Config): Promise<readonly RunRow[]> {
  if (config.url === undefined && (await findServer(config)) === undefined) return [];
  await using reached = await reach(config, { otherwise: "fault" });
  return (await reached.corral.call("listRuns", {})).items;
}

export const psCommand = (stage: Stage): Command =>
  declare<[], PsFlags>(stage, {
    usage: "ps",
    summary: "Lists the agent processes that are alive, and whose they are.",
    examples: ["corral ps", "corral ps --json"],
    options: [jsonOption("the list"), ...reachOptions()],
    act: async ({ stdout, stderr, world }, { flags }) => {
      const runs = await runsOf(await readConfig(settingsOf(flags), world));
      if (flags.json) writeJson(stdout, runs);
      else if (runs.length === 0) stderr.line("No agent process is alive.");
      else writeTable(stdout, columnsAt(Date.now()), runs);
      return exitCodes.done;
    },
  });
