/** `corral conformance`: plays the common cases with any program that speaks ACP, or with an agent of ours, and prints its card. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { Card, Case, Result, Subject, Surroundings } from "@corral/conformance";
import { harnesses as builtIn, type CustomAgent, withCustom } from "@corral/drivers";
import { Fault } from "@corral/protocol";
import { type Command, Option } from "commander";
import { collected, countOption, declare, jsonOption, type Stage, settingsOf } from "../command.ts";
import { type Config, type ConfigFlags, readConfig } from "../config.ts";
import { exitCodes } from "../exit-code.ts";
import { oneLine } from "../output/harmless.ts";
import type { Out } from "../output/out.ts";
import { type Column, writeJson, writeTable } from "../output/table.ts";
import type { Shell } from "../shell.ts";

interface ConformanceFlags extends ConfigFlags {
  readonly only?: readonly string[];
  readonly env?: readonly string[];
  readonly jobs?: number;
  readonly json?: boolean;
}

interface Call {
  readonly words: readonly string[];
  readonly flags: ConformanceFlags;
  readonly signal: AbortSignal;
}

/** Loaded only when it is wanted: no other command needs it. */
const load = () => import("@corral/conformance");
type Conformance = Awaited<ReturnType<typeof load>>;

/** By this name goes the small agent that is there to be tried. */
const referenceId = "reference";
const whyLetters = 160;

const surroundingsOf = ({ programsDir, hostEnv, world }: Config): Surroundings => ({
  programsDir,
  hostEnv,
  installEnv: world.env,
});

function variables(given: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    given.map((text) => {
      const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
      if (name !== undefined && value !== undefined) return [name, value];
      throw new Fault("config.invalid", {
        detail: `--env "${text}" is not NAME=VALUE`,
        help: "Write, for example: --env OPENAI_BASE_URL={model}/v1",
      });
    }),
  );
}

/** A program is started in a directory of its own: a file that is named from here is named by its whole path. */
function placed(word: string, cwd: string): string {
  const path = resolve(cwd, word);
  return !word.startsWith("-") && statSync(path, { throwIfNoEntry: false })?.isFile() ? path : word;
}

function commandIn([command = "", ...args]: readonly string[], { cwd }: Config): CustomAgent {
  return {
    command: command.includes("/") ? resolve(cwd, command) : command,
    args: args.map((word) => placed(word, cwd)),
  };
}

async function known(conformance: Conformance, id: string, config: Config): Promise<Subject | undefined> {
  const harness = withCustom(builtIn, config.agents).find((one) => one.id === id);
  if (!harness || id in config.agents) return undefined;
  const version = await conformance.installedVersion(harness, surroundingsOf(config));
  return { harness, ways: conformance.waysOf(id), ...(version === undefined ? {} : { version }) };
}

/** One word is the name of an agent, where there is one of that name; anything else is a command. */
async function subjectOf(conformance: Conformance, { words, flags, signal }: Call, config: Config): Promise<Subject> {
  const [word] = words;
  if (word === undefined) {
    throw new Fault("request.invalid", {
      detail: "There is no program to be tried",
      help: "Name an agent, or write its command behind two dashes: corral conformance -- my-agent --acp",
    });
  }
  const name = words.length === 1 ? word : "";
  const agent = name === referenceId ? conformance.referenceAgent() : config.agents[name];
  const driven = agent ? undefined : await known(conformance, name, config);
  if (driven) return driven;
  const described: CustomAgent = agent ?? commandIn(words, config);
  const env = { ...described.env, ...variables(flags.env ?? []) };
  return conformance.findOut({ ...described, env }, surroundingsOf(config), signal);
}

function casesNamed(all: readonly Case[], only: readonly string[]): readonly Case[] {
  const unknown = only.find((name) => !all.some((one) => one.name === name));
  if (unknown === undefined) return only.length === 0 ? all : all.filter(({ name }) => only.includes(name));
  throw new Fault("request.invalid", {
    detail: `No case of this program is called "${unknown}"`,
    help: `The cases are ${all.map(({ name }) => name).join(", ")}.`,
  });
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Where they are told while they come, each with its place among all. */
function narrator(out: Out, count: number): (result: Result) => void {
  let played = 0;
  return ({ name, verdict, why, tookMs, residue }) => {
    played += 1;
    const reason = why === undefined ? "" : `: ${oneLine(why, whyLetters)}`;
    out.line(`[${played}/${count}] ${name} ${verdict} (${seconds(tookMs)})${reason}`);
    if (residue !== undefined) out.line(`  left behind: ${oneLine(residue, whyLetters)}`);
  };
}

const caseColumns: readonly Column<Result>[] = [
  { title: "CASE", of: ({ name }) => name },
  { title: "VERDICT", of: ({ verdict }) => verdict },
  { title: "WHAT", of: ({ says, why }) => oneLine(why ?? says, whyLetters) },
];

function writeCard(
  out: Out,
  lines: ReturnType<Conformance["cardLines"]>,
  card: Card,
  results: readonly Result[],
): void {
  writeTable(
    out,
    [
      { title: "CARD", of: ([line]) => line },
      { title: [card.title, card.version].filter(Boolean).join(" "), of: ([, value]) => value },
    ],
    lines,
  );
  out.line();
  writeTable(out, caseColumns, results);
  const counted = Object.entries(Object.groupBy(results, ({ verdict }) => verdict));
  out.line(`\n${counted.map(([verdict, some]) => `${some?.length ?? 0} ${verdict}`).join(", ")}`);
}

async function tryOut(shell: Shell, call: Call): Promise<number> {
  const { flags, signal } = call;
  const config = await readConfig(settingsOf(flags), shell.world);
  const conformance = await load();
  const subject = await subjectOf(conformance, call, config);
  const all = conformance.cases.filter((one) => conformance.isFor(one, subject));
  const cases = casesNamed(all, flags.only ?? []);
  const results = await conformance.playAll({
    ...subject,
    cases,
    surroundings: surroundingsOf(config),
    jobs: Math.max(1, flags.jobs ?? 1),
    signal,
    onResult: narrator(shell.stderr, cases.length),
  });
  const card = conformance.cardOf(subject, results);
  if (flags.json) writeJson(shell.stdout, card);
  else writeCard(shell.stdout, conformance.cardLines(card), card, results);
  return conformance.isSound(card) ? exitCodes.done : exitCodes.failed;
}

async function act(shell: Shell, call: Omit<Call, "signal">): Promise<number> {
  const stop = new AbortController();
  using _ = shell.onInterrupt(() => stop.abort(new Error("interrupted")));
  try {
    return await tryOut(shell, { ...call, signal: stop.signal });
  } catch (error) {
    if (stop.signal.aborted) return exitCodes.interrupted;
    throw error;
  }
}

const notes = `Each case is played with a fresh session below the temporary directory, against a scripted model server on loopback:
no key, no network. A case is passed, failed, cannot (the program does not offer it) or unseen (it cannot be seen from
outside). In the value of --env, {model} is the address of the model server:
  Chat Completions    OPENAI_BASE_URL={model}/v1
  Responses           a base address of {model}/v1
  Anthropic Messages  ANTHROPIC_BASE_URL={model}
  Gemini              GOOGLE_GEMINI_BASE_URL={model}
A program that asks no model is tried too, as far as it answers what the prompts say (ECHO:text, SLOW, COUNT, RUN_TOOL[cmd]).
A single word is the name of an agent (see corral agents; "${referenceId}" is a small one that passes), anything else a command.
Exit code 1 when a case fails, something is left behind, or the program cannot be tried at all.`;

export const conformanceCommand = (stage: Stage): Command =>
  declare<[readonly string[]], ConformanceFlags>(stage, {
    usage: "conformance [program...]",
    summary: "Plays the common cases with any program that speaks ACP, and prints what it can: its capability card.",
    notes,
    examples: [
      `corral conformance ${referenceId} --only greet --only cancel-tool`,
      "corral conformance opencode",
      "corral conformance --env OPENAI_BASE_URL={model}/v1 --env OPENAI_API_KEY=any -- my-agent --acp",
      "corral conformance --json -- node my-agent.js > card.json",
    ],
    options: [
      collected("--only <case>", "play this case; may be repeated"),
      collected("--env <name=value>", "a variable of the program; may be repeated"),
      countOption("--jobs <count>", "how many cases are played at a time (default: 1)"),
      new Option("--data <dir>", "where agents are installed (CORRAL_DATA)"),
      new Option("--config <file>", "the config file (CORRAL_CONFIG)"),
      jsonOption("the card"),
    ],
    act: (shell, { args: [words], flags }) => act(shell, { words, flags }),
  });
