/** Brings the packages of one plan into an empty folder: versions resolved first, then fetched by the lock file and checked. */
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@corral/protocol";
import { z } from "zod";
import type { Exit } from "../process/process.ts";
import { binsOf, type Plan, type Platform } from "./install-plan.ts";
import { type NpmNeed, runNpm } from "./npm.ts";

export interface InstallProgress {
  readonly step: "waiting" | "resolving" | "downloading" | "checking" | "done";
  readonly detail: string;
  /** Of all the downloading; absent where nobody knows. */
  readonly percent?: number;
}

export interface FetchNeed extends NpmNeed {
  readonly plan: Plan;
  readonly platform: Platform;
  readonly dir: string;
  readonly offline: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: InstallProgress) => void;
}

const listText = (plan: Plan): string =>
  Object.entries(plan.packages)
    .map(([name, version]) => `${name}@${version}`)
    .join(", ");

/** npm's own words about what went wrong, each line once. */
const wordsOf = ({ stderr }: Exit): string => {
  const lines = [...stderr.head, ...stderr.tail].flatMap((line) => /^npm (?:error|ERR!) +(.+)/.exec(line)?.[1] ?? []);
  const telling = lines.filter((line) => !/complete log|log files were not written|^at /i.test(line));
  return [...new Set(telling)].slice(0, 6).join(" ").slice(0, 1000);
};

function failed({ plan, offline }: FetchNeed, exit: Exit): Fault {
  const words = wordsOf(exit);
  const more = { agent: plan.id, packages: plan.packages, exitCode: exit.code, signal: exit.signal, stderr: words };
  if (offline && /ENOTCACHED|ETARGET|cache mode is 'only-if-cached'/.test(words)) {
    return new Fault("agent.not_installed", {
      detail: `${plan.title} (${listText(plan)}) is not installed, and npm's cache does not hold all of it.`,
      help: `Run \`corral agents install ${plan.id}\` once with a network.`,
      more,
    });
  }
  return new Fault("agent.install", {
    detail: `npm could not install ${listText(plan)}: ${words || `it ended with ${exit.signal ?? exit.code}`}`,
    help: "Check that the npm registry can be reached and has these versions, then try again.",
    more,
  });
}

async function npm(need: FetchNeed, command: readonly string[], onLines: (lines: number, newest: string) => void) {
  const { dir, offline, signal } = need;
  const exit = await runNpm(need, { args: command, cwd: dir, offline, signal, onLines });
  if (exit.code !== 0) throw failed(need, exit);
}

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ os: z.array(z.string()).optional(), cpu: z.array(z.string()).optional(), link: z.boolean().optional() }),
  ),
});

/** How many packages of the lock file are for this platform: the others are not fetched. */
async function countPackages({ dir, platform }: FetchNeed): Promise<number> {
  const { packages } = lockSchema.parse(JSON.parse(await readFile(join(dir, "package-lock.json"), "utf8")));
  const [os = "", cpu = ""] = platform.name.split("-");
  const suits = (list: readonly string[] | undefined, name: string) => list === undefined || list.includes(name);
  return Object.entries(packages).filter(([path, one]) => path !== "" && suits(one.os, os) && suits(one.cpu, cpu))
    .length;
}

const versionSchema = z.object({ version: z.string() });

/** npm has compared every package with its checksum; here it is checked that they are the ones that were asked for. */
async function check({ dir, plan, platform }: FetchNeed): Promise<Readonly<Record<string, number>>> {
  for (const [name, version] of Object.entries(plan.packages)) {
    const found = versionSchema.parse(
      JSON.parse(await readFile(join(dir, "node_modules", name, "package.json"), "utf8")),
    );
    if (found.version !== version) throw wrong(plan, `${name} came as ${found.version} instead of ${version}`);
  }
  const sizes: [string, number][] = [];
  for (const { bin, path } of binsOf(plan, platform))
    sizes.push([bin, await readyBin(plan, join(dir, "node_modules", path))]);
  return Object.fromEntries(sizes);
}

async function readyBin(plan: Plan, path: string): Promise<number> {
  try {
    const { size, mode } = await stat(path);
    if ((mode & 0o111) === 0) await chmod(path, 0o755);
    return size;
  } catch (cause) {
    throw wrong(plan, `it brought no ${path.split("node_modules/").at(-1)}`, cause);
  }
}

const wrong = (plan: Plan, what: string, cause?: unknown): Fault =>
  new Fault("agent.install", {
    detail: `The installation of ${plan.title} is not what was asked for: ${what}.`,
    help: "Try again with `--reinstall`; if it happens again, this version does not support this machine.",
    cause,
  });

/** Resolves with the sizes of the programs. */
export async function fetchPackages(need: FetchNeed): Promise<Readonly<Record<string, number>>> {
  const { plan, dir, onProgress } = need;
  const manifest = { name: `corral-${plan.id}`, version: "0.0.0", private: true, dependencies: plan.packages };
  await writeFile(join(dir, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  onProgress({ step: "resolving", detail: listText(plan) });
  await npm(need, ["install", "--package-lock-only"], (lines) =>
    onProgress({ step: "resolving", detail: `asked the registry ${lines} times` }),
  );
  const total = await countPackages(need);
  onProgress({ step: "downloading", detail: `${total} packages`, percent: 0 });
  // Not `npm ci`: it refuses a lock that lacks a package for some other platform, which a registry need not have.
  await npm(need, ["install"], (lines) => {
    const done = Math.min(lines, total);
    onProgress({
      step: "downloading",
      detail: `${done} of ${total} packages`,
      percent: Math.floor((99 * done) / total),
    });
  });
  onProgress({ step: "checking", detail: listText(plan), percent: 100 });
  return check(need);
}
