/** `corral agents`: which agents can be driven here. */

import type { AgentRecord } from "@corral/protocol";
import type { Command } from "commander";
import { declare, jsonOption, reachOptions, type Stage, settingsOf } from "../command.ts";
import { type ConfigFlags, readConfig } from "../config.ts";
import { exitCodes } from "../exit-code.ts";
import { type Column, writeJson, writeTable } from "../output/table.ts";
import { reach } from "../reach.ts";

interface AgentsFlags extends ConfigFlags {
  readonly json?: boolean;
}

const optionNames = ({ options }: AgentRecord): string =>
  typeof options?.properties === "object" && options.properties !== null
    ? Object.keys(options.properties).join(" ")
    : "";

const columns: readonly Column<AgentRecord>[] = [
  { title: "AGENT", of: ({ id }) => id },
  { title: "NAME", of: ({ title }) => title },
  { title: "INSTALLED", of: ({ installed }) => (installed ? "yes" : "no") },
  { title: "VERSION", of: ({ version }) => version },
  { title: "SECRETS", of: ({ secrets }) => secrets.join(" ") },
  { title: "OPTIONS", of: optionNames },
];

export const agentsCommand = (stage: Stage): Command =>
  declare<[], AgentsFlags>(stage, {
    usage: "agents",
    summary: "Lists the agents that can be driven here, their secrets and their options.",
    examples: ["corral agents", "corral agents --json"],
    options: [jsonOption("the list"), ...reachOptions()],
    act: async ({ stdout, world }, { flags }) => {
      await using reached = await reach(await readConfig(settingsOf(flags), world), { otherwise: "here" });
      const { agents } = await reached.corral.call("listAgents", {});
      if (flags.json) writeJson(stdout, agents);
      else writeTable(stdout, columns, agents);
      return exitCodes.done;
    },
  });
