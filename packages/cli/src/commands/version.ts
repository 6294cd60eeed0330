/** `corral version`: which release this is, and what it runs on. */
import { apiVersion } from "@corral/protocol";
import type { Command } from "commander";
import { declare, jsonOption, type Stage } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { writeJson } from "../output/table.ts";
import { version } from "../version.ts";

export const versionCommand = (stage: Stage): Command =>
  declare<[], { readonly json?: boolean }>(stage, {
    usage: "version",
    summary: "Prints the release, the version of its API and the runtime.",
    examples: ["corral version", "corral version --json"],
    options: [jsonOption("it")],
    act: async ({ stdout }, { flags }) => {
      const { version: node, platform, arch } = process;
      if (flags.json) writeJson(stdout, { version, api: apiVersion, node, platform, arch });
      else stdout.line(`corral ${version} (API ${apiVersion}, Node ${node}, ${platform} ${arch})`);
      return exitCodes.done;
    },
  });
