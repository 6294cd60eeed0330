/** Plays the common cases with the real harnesses: installs what is missing, then runs them where there is no network. */
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { homedir, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { harnesses } from "@corral/drivers";
import type { Harness } from "@corral/kernel";
import { runStep } from "./house/steps.ts";
import type { TestReport } from "./house/tally.ts";
import { missingLine, withMissing } from "./real/missing.ts";
import { offline } from "./real/offline.ts";
import { makeReady } from "./real/ready.ts";

const programsDir = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "corral-tests");
const inCi = Boolean(process.env.CI);

const { values, positionals: ids } = parseArgs({ allowPositionals: true, options: { report: { type: "string" } } });
const known = harnesses.filter(({ install }) => install);
const stray = ids.find((id) => !known.some((harness) => harness.id === id));
if (stray !== undefined) {
  console.error(`There is no harness "${stray}" to play. Harnesses: ${known.map(({ id }) => id).join(", ")}.`);
  process.exit(2);
}

/** The files of a harness; a name stands in the filter with its folder, so that one is not found in another. */
const filesOf = ({ id }: Harness): readonly string[] => [`harness/${id}.real`, `harness/${id}-`];

async function play(played: readonly Harness[]): Promise<number> {
  const wall = offline();
  if (!wall) console.log("The network could not be taken away here: that nobody phones home is not proven.");
  const report = values.report ? ["--reporter=default", "--reporter=json", `--outputFile.json=${values.report}`] : [];
  // What is played with all of them at once is left out where only some are asked for.
  const files = [...played.flatMap(filesOf), ...(ids.length === 0 ? ["conformance/src/logins"] : [])];
  const vitest = ["vitest", "run", "--config", "vitest.real.config.ts", ...report, ...files];
  const [command = "", ...args] = [...(wall ?? []), ...vitest];
  const { code, output } = await runStep({ command, args, show: true });
  const lines = stripVTControlCharacters(output)
    .split("\n")
    .filter((line) => played.some(({ id }) => new RegExp(`^${id}\\b.*: \\d+ passed`).test(line)));
  console.log(`\n${lines.join("\n")}`);
  return code;
}

const seconds = (sinceMs: number): string => `${Math.round((performance.now() - sinceMs) / 1000)} s`;
const load = (): string => (loadavg()[0] ?? 0).toFixed(1);

const [sinceMs, before] = [performance.now(), load()];
if (values.report) await rm(values.report, { force: true });
const wanted = known.filter(({ id }) => ids.length === 0 || ids.includes(id));
const found = await makeReady(wanted, { programsDir, env: process.env, say: console.log });
const missing = found.flatMap(({ harness: { id }, missing: why }) => (why === undefined ? [] : [{ id, why }]));
const played = found.filter((one) => one.missing === undefined).map(({ harness }) => harness);
const installedIn = seconds(sinceMs);
const code = played.length === 0 ? 0 : await play(played);
for (const one of missing) console.log(missingLine(one, inCi));
console.log(
  `real harnesses: ${seconds(sinceMs)}, ${installedIn} of them for installing; load ${before} before, ${load()} after`,
);
if (values.report) {
  const text = existsSync(values.report) ? await readFile(values.report, "utf8") : undefined;
  const told = text === undefined ? undefined : (JSON.parse(text) as TestReport);
  // A runner that died without a report must not look like one that had nothing to do.
  if (told || code === 0) await writeFile(values.report, JSON.stringify(withMissing(told, inCi ? missing : [])));
}
process.exitCode = code !== 0 || (inCi && missing.length > 0) ? 1 : 0;
