/** `corral doctor`: whether this machine, the state directory and the daemon are in order, and what to do where not. */
import { type Corral, Fault } from "@corral/client";
import type { Command } from "commander";
import { declare, jsonOption, reachOptions, type Stage, settingsOf } from "../command.ts";
import { type Config, type ConfigFlags, readConfig } from "../config.ts";
import {
  checkAgents,
  checkDaemon,
  checkMeans,
  checkNode,
  checkStateDir,
  checkStore,
  type Finding,
  fail,
  type Level,
} from "../doctor/checks.ts";
import { checkResidue } from "../doctor/residue.ts";
import { exitCodes } from "../exit-code.ts";
import { tellingOf } from "../output/fault.ts";
import type { Out, Style } from "../output/out.ts";
import { writeJson } from "../output/table.ts";
import { reach } from "../reach.ts";

interface DoctorFlags extends ConfigFlags {
  readonly json?: boolean;
}

/** A check that breaks is a finding of its own, in the words of its fault. */
async function tried(name: string, check: () => Promise<Finding | readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return [await check()].flat();
  } catch (error) {
    const { what, why, doing } = tellingOf(error);
    return [fail(name, [what, why].filter(Boolean).join(": "), doing ?? "Try again.")];
  }
}

type Outside = (config: Config) => Promise<Finding>;
type Inside = (corral: Corral) => Promise<Finding | readonly Finding[]>;

const outside: Readonly<Record<string, Outside>> = {
  node: async () => checkNode(process.versions.node),
  ownership: checkMeans,
  state: checkStateDir,
  daemon: checkDaemon,
  // Before the store is opened for the others, which sweeps what a killed daemon left.
  residue: checkResidue,
};

/** These look through a daemon, or through the store where none is running. */
const inside: Readonly<Record<string, Inside>> = { store: checkStore, agents: checkAgents };

const checkNames: readonly string[] = [...Object.keys(outside), ...Object.keys(inside)];

async function checksInside(config: Config, names: readonly string[]): Promise<readonly Finding[]> {
  await using reached = await reach(config, { otherwise: "here" });
  const findings: Finding[] = [];
  for (const name of names) {
    const check = inside[name];
    if (check) findings.push(...(await tried(name, () => check(reached.corral))));
  }
  return findings;
}

/** Only the chosen checks are made; one that cannot even begin is a finding under its own name. */
async function examine(config: Config, chosen: readonly string[]): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const name of chosen) {
    const check = outside[name];
    if (check) findings.push(...(await tried(name, () => check(config))));
  }
  const within = chosen.filter((name) => Object.hasOwn(inside, name));
  if (within.length === 0) return findings;
  return [...findings, ...(await tried(within[0] ?? "store", () => checksInside(config, within)))];
}

function chosenChecks(names: readonly string[]): readonly string[] {
  const stray = names.find((name) => !checkNames.includes(name));
  if (stray === undefined) return names.length === 0 ? checkNames : names;
  const help = `Choose from: ${checkNames.join(", ")}.`;
  throw new Fault("config.invalid", { detail: `There is no check "${stray}".`, help });
}

const styles: Readonly<Record<Level, Style>> = { ok: "green", warn: "yellow", fail: "red" };

function write(out: Out, findings: readonly Finding[]): void {
  const width = Math.max(...findings.map(({ name }) => name.length));
  for (const { name, level, says, help } of findings) {
    out.line(`${out.style(styles[level], level.padEnd(4))}  ${name.padEnd(width)}  ${says}`);
    if (help !== undefined) out.line(`      ${" ".repeat(width)}  → ${help}`);
  }
}

export const doctorCommand = (stage: Stage): Command =>
  declare<[readonly string[]], DoctorFlags>(stage, {
    usage: "doctor [checks...]",
    summary:
      "Looks whether everything is in order, and says what to do where it is not. Exit code 1 when something fails.",
    notes: "Name checks to see only these: node, ownership, state, daemon, residue, store, agents.",
    examples: ["corral doctor", "corral doctor residue", "corral doctor --json"],
    options: [jsonOption("the findings"), ...reachOptions()],
    act: async ({ stdout, world }, { args: [names], flags }) => {
      const chosen = chosenChecks(names);
      const findings = await examine(await readConfig(settingsOf(flags), world), chosen);
      if (flags.json) writeJson(stdout, findings);
      else write(stdout, findings);
      return findings.some(({ level }) => level === "fail") ? exitCodes.failed : exitCodes.done;
    },
  });
