/** Plays the common cases with the real harnesses: installs what is missing, then runs them where there is no network. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { agentsDir } from "@corral/conformance/here";
import { harnesses } from "@corral/drivers";
import type { Harness } from "@corral/kernel";
import { runStep } from "./house/steps.ts";
import type { TestReport } from "./house/tally.ts";
import { type Lack, lackOf, lackOfWall, missingLine, wallLine, withLacks } from "./real/missing.ts";
import { offline } from "./real/offline.ts";
import { makeReady } from "./real/ready.ts";
import { readUnderWay } from "./real/under-way.ts";

const inCi = Boolean(process.env.CI);

const known = harnesses.filter(({ install }) => install);
const names = known.map(({ id }) => id).join(", ");

const usage = "node scripts/real.ts [harness…] [--report <file>] [--limit-seconds <n>]";
const help = `${usage}

Plays the common cases with the real harnesses: installs those that are missing, then runs them where there is no network.
Exits with 0, with 1 if something failed or was missing, with 2 if it was not understood.

Options:
  --report <file>      writes what was played, and what was missing, to a file as JSON
  --limit-seconds <n>  ends all of it after so many seconds (600)
  -h, --help           prints this

Harnesses; all of them where none is named:
${known.map(({ id, title }) => `  ${id.padEnd(17)}  ${title}`).join("\n")}`;

function refuse(why: string): never {
  console.error(`${why}\n${usage}`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        report: { type: "string" },
        // All of it, with what has to be installed, is over within ten minutes, or it has failed.
        "limit-seconds": { type: "string", default: "600" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

const { values, positionals: ids } = readArguments();
if (values.help) {
  console.log(help);
  process.exit(0);
}
const limitSeconds = Number(values["limit-seconds"]);
const stray = ids.find((id) => !known.some((harness) => harness.id === id));
if (stray !== undefined) refuse(`There is no harness "${stray}" to play. Harnesses: ${names}.`);
if (!(limitSeconds > 0)) refuse("--limit-seconds takes a number that is greater than 0.");

/** The files of a harness; a name stands in the filter with its folder, so that one is not found in another. */
const filesOf = ({ id }: Harness): readonly string[] => [`harness/${id}.real`, `harness/${id}-`];

interface Play {
  readonly played: readonly Harness[];
  readonly wall: readonly string[] | undefined;
  readonly late: AbortSignal;
  /** Where the runner keeps what is under way. */
  readonly underWay: string;
}

async function play({ played, wall = [], late, underWay }: Play): Promise<number> {
  const told = [`CORRAL_REAL_UNDER_WAY=${underWay}`, `CORRAL_REAL_REPORT=${values.report ?? ""}`];
  // What is played with all of them at once is left out where only some are asked for.
  const files = [...played.flatMap(filesOf), ...(ids.length === 0 ? ["conformance/src/logins"] : [])];
  const vitest = ["vitest", "run", "--config", "vitest.real.config.ts", ...files];
  const [command = "", ...args] = [...wall, "env", ...told, ...vitest];
  const { code, output } = await runStep({ command, args, show: true, ends: late });
  const lines = stripVTControlCharacters(output)
    .split("\n")
    .filter((line) => played.some(({ id }) => new RegExp(`^${id}\\b.*: \\d+ passed`).test(line)));
  console.log(`\n${lines.join("\n")}`);
  return code;
}

/** What had to be ended, by name. */
function lackOfTime(running: readonly string[]): Lack {
  const what = running.length === 0 ? "nothing that has a name" : running.join("; ");
  return { what: `real harnesses within ${limitSeconds} s`, why: `They were ended. Still running: ${what}.` };
}

async function writeReport(path: string, code: number, lacks: readonly Lack[]): Promise<void> {
  const text = existsSync(path) ? await readFile(path, "utf8") : undefined;
  const told = text === undefined ? undefined : (JSON.parse(text) as TestReport);
  // A runner that died without a report must not look like one that had nothing to do.
  if (told || code === 0 || lacks.length > 0) await writeFile(path, JSON.stringify(withLacks(told, lacks)));
}

const seconds = (sinceMs: number): string => `${Math.round((performance.now() - sinceMs) / 1000)} s`;
const load = (): string => (loadavg()[0] ?? 0).toFixed(1);

const [sinceMs, before] = [performance.now(), load()];
const late = AbortSignal.timeout(limitSeconds * 1000);
if (values.report) await rm(values.report, { force: true });
const wanted = known.filter(({ id }) => ids.length === 0 || ids.includes(id));
const found = await makeReady(wanted, { programsDir: agentsDir, env: process.env, say: console.log, signal: late });
const missing = found.flatMap(({ harness: { id }, missing: why }) => (why === undefined ? [] : [{ id, why }]));
const played = found.filter((one) => one.missing === undefined).map(({ harness }) => harness);
const installedIn = seconds(sinceMs);

const folder = await mkdtemp(join(tmpdir(), "corral-"));
const underWay = join(folder, "under-way");
const wall = offline();
const code = played.length === 0 ? 0 : await play({ played, wall, late, underWay });
const running = [...readUnderWay(underWay), ...(late.aborted ? missing.map(({ id, why }) => `${id}: ${why}`) : [])];
await rm(folder, { recursive: true });

const noWall = wall ? undefined : lackOfWall({ inCi, isRoot: process.getuid?.() === 0 });
const untimely = late.aborted && (code !== 0 || played.length === 0) ? lackOfTime(running) : undefined;
const others = [noWall, untimely].flatMap((lack) => lack ?? []);
for (const one of missing) console.log(missingLine(one, inCi));
if (!wall && !noWall) console.log(wallLine);
for (const { what, why } of others) console.log(`FAILED ${what}: ${why}`);
console.log(
  `real harnesses: ${seconds(sinceMs)}, ${installedIn} of them for installing; load ${before} before, ${load()} after`,
);
const lacks = [...(inCi ? missing.map(lackOf) : []), ...others];
if (values.report) await writeReport(values.report, code, lacks);
process.exitCode = code !== 0 || lacks.length > 0 ? 1 : 0;
