/** How a command is declared: its words, its examples, the settings it takes, and what runs. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { ConfigFlags } from "./config.ts";
import { asNumber } from "./settings.ts";
import type { Shell } from "./shell.ts";

/** Resolves with the exit code. */
export type Act<Arguments extends readonly unknown[], Flags> = (
  shell: Shell,
  call: { readonly args: Arguments; readonly flags: Flags },
) => Promise<number>;

export interface Need<Arguments extends readonly unknown[], Flags> {
  /** `answer <ask> <answer>` */
  readonly usage: string;
  readonly summary: string;
  /** Each is a command line that works as it stands, given what it names. */
  readonly examples: readonly string[];
  readonly notes?: string;
  readonly options?: readonly Option[];
  readonly act: Act<Arguments, Flags>;
}

/** Ends the parsing with an exit code. */
export type Finish = (code: number) => void;

export interface Stage {
  readonly shell: Shell;
  readonly finish: Finish;
}

export const examplesText = (examples: readonly string[]): string =>
  `\nExamples:\n${examples.map((line) => `  $ ${line}`).join("\n")}\n`;

/** The flags that tell which daemon is meant; every command that talks to one takes them. */
export const reachOptions = (): readonly Option[] => [
  new Option("--url <address>", "the daemon to talk to (CORRAL_URL)"),
  ...stateOptions(),
];

export const stateOptions = (): readonly Option[] => [
  new Option("--state <dir>", "the state directory (CORRAL_STATE)"),
  new Option("--data <dir>", "where agents are installed (CORRAL_DATA)"),
  new Option("--token-file <file>", "a file with the daemon's token (CORRAL_TOKEN, CORRAL_TOKEN_FILE)"),
  new Option("--token <token>", "the token itself; other users can read it in the process list").hideHelp(),
  new Option("--config <file>", "the config file (CORRAL_CONFIG)"),
];

export const jsonOption = (what: string): Option => new Option("--json", `print ${what} as JSON`);

/** commander hands a value over as text; what is wrong with it is said by the settings. */
export const numberOption = (flags: string, text: string): Option => new Option(flags, text).argParser(asNumber);

/** A whole number that no settings check later. */
export const countOption = (flags: string, text: string): Option =>
  new Option(flags, text).argParser((value: string) => {
    if (/^\d{1,15}$/.test(value)) return Number(value);
    throw new InvalidArgumentError("It must be a whole number.");
  });

export const collected = (flags: string, text: string): Option =>
  new Option(flags, text).argParser((value: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    value,
  ]);

export function declare<Arguments extends readonly unknown[], Flags>(
  { shell, finish }: Stage,
  { usage, summary, examples, notes, options = [], act }: Need<Arguments, Flags>,
): Command {
  const [name = "", ...args] = usage.split(" ");
  const command = new Command(name).description(summary).allowExcessArguments(false);
  for (const arg of args) command.argument(arg);
  for (const option of options) command.addOption(option);
  command.addHelpText("after", `${notes === undefined ? "" : `\n${notes}\n`}${examplesText(examples)}`);
  command.action(async (...given: unknown[]) => {
    // commander appends the options and the command itself to the arguments.
    const call = { args: given.slice(0, -2) as unknown as Arguments, flags: command.opts() as Flags };
    warnOfToken(shell, command.opts<ConfigFlags>());
    finish(await act(shell, call));
  });
  return command;
}

function warnOfToken({ stderr }: Shell, { token }: ConfigFlags): void {
  if (token === undefined) return;
  stderr.line(
    "warning: --token shows the token to everybody who can list processes; use --token-file or CORRAL_TOKEN.",
  );
}

/** How commander names the flags of settings that have another name within. */
interface WrittenFlags extends ConfigFlags {
  readonly corsAllowOrigin?: readonly string[];
  readonly corsAllowCredentials?: boolean;
  readonly allowHost?: readonly string[];
}

/** Of a command's flags the ones that are settings. */
export const settingsOf = (flags: WrittenFlags): ConfigFlags => ({
  ...(flags.config === undefined ? {} : { config: flags.config }),
  ...(flags.token === undefined ? {} : { token: flags.token }),
  state: flags.state,
  data: flags.data,
  host: flags.host,
  port: flags.port,
  url: flags.url,
  tokenFile: flags.tokenFile,
  agent: flags.agent,
  corsOrigins: flags.corsAllowOrigin === undefined ? undefined : [...flags.corsAllowOrigin],
  corsCredentials: flags.corsAllowCredentials,
  allowedHosts: flags.allowHost === undefined ? undefined : [...flags.allowHost],
});
