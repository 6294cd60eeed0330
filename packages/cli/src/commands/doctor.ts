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
  checkResidue,
  checkStateDir,
  checkStore,
  type Finding,
  fail,
  type Level,
} from "../doctor/checks.ts";
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

async function checksInside(config: Config): Promise<readonly Finding[]> {
  await using reached = await reach(config, { otherwise: "here" });
  const { corral }: { corral: Corral } = reached;
  return [
    ...(await tried("store", () => checkStore(corral))),
    ...(await tried("agents", () => checkAgents(corral))),
    ...(await tried("residue", () => checkResidue(corral))),
  ];
}

async function examine(config: Config): Promise<readonly Finding[]> {
  const outside = [
    checkNode(process.versions.node),
    ...(await tried("ownership", checkMeans)),
    ...(await tried("state", () => checkStateDir(config))),
    ...(await tried("daemon", () => checkDaemon(config))),
  ];
  return [...outside, ...(await tried("store", () => checksInside(config)))];
}

/** The findings of the named checks, or all; a name that no check has is refused. */
function only(names: readonly string[], findings: readonly Finding[]): readonly Finding[] {
  const isOf = (name: string) => (finding: Finding) => finding.name.split(" ")[0] === name;
  const stray = names.find((name) => !findings.some(isOf(name)));
  if (stray !== undefined) {
    const known = [...new Set(findings.map(({ name }) => name.split(" ")[0]))].join(", ");
    throw new Fault("config.invalid", { detail: `There is no check "${stray}".`, help: `Choose from: ${known}.` });
  }
  return names.length === 0 ? findings : findings.filter((finding) => names.some((name) => isOf(name)(finding)));
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
    notes: "Name checks to see only these: node, ownership, state, daemon, store, agent, residue.",
    examples: ["corral doctor", "corral doctor residue", "corral doctor --json"],
    options: [jsonOption("the findings"), ...reachOptions()],
    act: async ({ stdout, world }, { args: [names], flags }) => {
      const findings = only(names, await examine(await readConfig(settingsOf(flags), world)));
      if (flags.json) writeJson(stdout, findings);
      else write(stdout, findings);
      return findings.some(({ level }) => level === "fail") ? exitCodes.failed : exitCodes.done;
    },
  });
