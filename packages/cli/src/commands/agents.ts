/** `corral agents`: which agents can be driven here, and installs and removes their programs. */
import type { Corral } from "@corral/client";
import { type AgentRecord, Fault, type InstalledAgent, isFault } from "@corral/protocol";
import { type Command, Option } from "commander";
import { declare, jsonOption, reachOptions, type Stage, settingsOf } from "../command.ts";
import { type ConfigFlags, readConfig } from "../config.ts";
import { exitCodeOfError, exitCodes } from "../exit-code.ts";
import { tell, tellingOf } from "../output/fault.ts";
import { createMeter } from "../output/meter.ts";
import { type Column, writeJson, writeTable } from "../output/table.ts";
import { reach } from "../reach.ts";
import type { Shell } from "../shell.ts";

interface AgentsFlags extends ConfigFlags {
  readonly json?: boolean;
}

const optionNames = ({ options }: AgentRecord): string =>
  typeof options?.properties === "object" && options.properties !== null
    ? Object.keys(options.properties).join(" ")
    : "";

const installedText = ({ installed, licence }: AgentRecord): string =>
  installed ? "yes" : licence === "vendor" ? "no (vendor's licence)" : "no";

/** Where somebody is logged in; what has expired is said, and what it is never. */
const loginText = ({ logins, credentialsAvailable }: AgentRecord): string =>
  logins.map(({ source, expired }) => (expired ? `${source} (expired)` : source)).join(" ") ||
  (credentialsAvailable ? "not needed" : "");

const columns: readonly Column<AgentRecord>[] = [
  { title: "AGENT", of: ({ id }) => id },
  { title: "NAME", of: ({ title }) => title },
  { title: "INSTALLED", of: installedText },
  { title: "VERSION", of: ({ version, pinnedVersion }) => version ?? pinnedVersion },
  { title: "LOGIN", of: loginText },
  { title: "SECRETS", of: ({ secrets }) => secrets.join(" ") },
  { title: "OPTIONS", of: optionNames },
];

async function withCorral(
  { world, stderr }: Shell,
  flags: ConfigFlags,
  act: (corral: Corral) => Promise<number>,
): Promise<number> {
  const config = await readConfig(settingsOf(flags), world);
  await using reached = await reach(config, { otherwise: "here" }, (line) => stderr.line(line));
  return await act(reached.corral);
}

interface InstallFlags extends AgentsFlags {
  readonly all?: boolean;
  readonly offline?: boolean;
  readonly reinstall?: boolean;
  readonly version?: string;
}

async function chosen(corral: Corral, id: string | undefined, all: boolean | undefined) {
  if (id !== undefined && !all) return [await corral.agent(id)];
  if (id === undefined && all)
    return (await corral.agents()).filter(({ pinnedVersion }) => pinnedVersion !== undefined);
  throw new Fault("request.invalid", {
    detail: "It must be one agent, or --all of them.",
    help: "For example: corral agents install --all",
  });
}

const doneText = ({ title }: AgentRecord, { already_installed: before, version }: InstalledAgent): string =>
  version === undefined
    ? `${title} is part of Corral.`
    : `${title} ${version} ${before ? "was installed before" : "is installed"}.`;

type Outcome = { readonly agent: string; readonly error?: unknown } & Partial<InstalledAgent>;

async function installOne(shell: Shell, corral: Corral, agent: AgentRecord, flags: InstallFlags): Promise<Outcome> {
  const { stdout, stderr } = shell;
  try {
    const onProgress = createMeter(stderr, agent.title);
    const { offline, reinstall, version: agentVersion } = flags;
    const installed = await corral.install(agent.id, { onProgress, offline, reinstall, agentVersion });
    if (!flags.json) stdout.line(doneText(agent, installed));
    return { agent: agent.id, ...installed };
  } catch (error) {
    if (!isFault(error)) throw error;
    tell(stderr, tellingOf(error));
    return { agent: agent.id, error };
  }
}

/** One that fails does not keep the others from being installed. */
async function installAll(shell: Shell, corral: Corral, id: string | undefined, flags: InstallFlags): Promise<number> {
  const outcomes: Outcome[] = [];
  for (const agent of await chosen(corral, id, flags.all)) {
    outcomes.push(await installOne(shell, corral, agent, flags));
  }
  if (flags.json) {
    const told = outcomes.map(({ error, ...rest }) => (isFault(error) ? { ...rest, fault: error.toRecord() } : rest));
    writeJson(shell.stdout, told);
  }
  const failed = outcomes.find(({ error }) => error !== undefined);
  return failed ? exitCodeOfError(failed.error) : exitCodes.done;
}

const installCommand = (stage: Stage): Command =>
  declare<[string | undefined], InstallFlags>(stage, {
    usage: "install [agent]",
    summary: "Installs an agent's programs; the first session with it would do so by itself.",
    examples: ["corral agents install --all", "corral agents install scripted --offline"],
    notes:
      "Every version has a folder of its own below the data directory. Agents under a vendor's licence come from the\n" +
      "vendor's own package to your machine.",
    options: [
      new Option("--all", "every agent that has something to install"),
      new Option("--offline", "take only what npm's cache holds"),
      new Option("--reinstall", "also when it is there"),
      new Option("--version <version>", "an exact version instead of the pinned one; sessions use it from now on"),
      jsonOption("what is installed"),
      ...reachOptions(),
    ],
    act: (shell, { args: [id], flags }) => withCorral(shell, flags, (corral) => installAll(shell, corral, id, flags)),
  });

const uninstallCommand = (stage: Stage): Command =>
  declare<[string], ConfigFlags>(stage, {
    usage: "uninstall <agent>",
    summary: "Removes an agent's programs, all versions of them.",
    examples: ["corral agents uninstall opencode"],
    options: [...reachOptions()],
    act: (shell, { args: [id], flags }) =>
      withCorral(shell, flags, async (corral) => {
        await corral.call("uninstallAgent", { params: { agent: id } });
        shell.stdout.line(`${id} is not installed any more.`);
        return exitCodes.done;
      }),
  });

export const agentsCommand = (stage: Stage): Command =>
  declare<[], AgentsFlags>(stage, {
    usage: "agents",
    summary: "Lists the agents that can be driven here: installed or not, logged in where, their secrets and options.",
    examples: ["corral agents", "corral agents --json"],
    options: [jsonOption("the list"), ...reachOptions()],
    act: (shell, { flags }) =>
      withCorral(shell, flags, async (corral) => {
        const { agents } = await corral.call("listAgents", {});
        if (flags.json) writeJson(shell.stdout, agents);
        else writeTable(shell.stdout, columns, agents);
        return exitCodes.done;
      }),
  })
    .enablePositionalOptions()
    .addCommand(installCommand(stage))
    .addCommand(uninstallCommand(stage));
