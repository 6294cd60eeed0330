/** Plays the common cases with the real harnesses: installs what is missing, then runs them where there is no network. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { harnesses } from "@corral/drivers";
import { createInstaller, createProcesses, type Harness, ownerOf, systemClock } from "@corral/kernel";
import { runStep } from "./house/steps.ts";
import { offline } from "./real/offline.ts";

const keptIn = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "corral-tests");
const inCi = Boolean(process.env.CI);
const hostEnv = { PATH: process.env.PATH ?? "" };

type Ready = { readonly harness: Harness; readonly missing?: string };

/** Some hundred megabytes each, so they are kept for the next time. */
async function ready(harness: Harness): Promise<Ready> {
  const stateDir = await mkdtemp(join(tmpdir(), "corral-"));
  try {
    await using processes = createProcesses({ clock: systemClock, stateDir, owner: ownerOf(stateDir), hostEnv });
    await using installer = createInstaller({
      programsDir: keptIn,
      clock: systemClock,
      processes,
      hostEnv: process.env,
    });
    const { alreadyInstalled, version } = await installer.install(harness);
    if (!alreadyInstalled) console.log(`${harness.id} ${version}: installed in ${keptIn}`);
    return { harness };
  } catch (error) {
    return { harness, missing: error instanceof Error ? error.message : String(error) };
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}

async function play(played: readonly Harness[], outputFile: string | undefined): Promise<number> {
  const wall = offline();
  if (!wall) console.log("The network could not be taken away here: that nobody phones home is not proven.");
  const report =
    outputFile === undefined ? [] : ["--reporter=default", "--reporter=json", `--outputFile=${outputFile}`];
  // A file's name stands in the filter with its folder, so that one name is not found in another.
  const files = played.map(({ id }) => `harness/${id}.real`);
  const [command = "", ...args] = [
    ...(wall ?? []),
    "vitest",
    "run",
    "--config",
    "vitest.real.config.ts",
    ...report,
    ...files,
  ];
  const { code, output } = await runStep({ command, args, show: true });
  const lines = stripVTControlCharacters(output)
    .split("\n")
    .filter((line) => played.some(({ id }) => line.startsWith(`${id} `)));
  console.log(`\n${lines.join("\n")}`);
  return code;
}

const isFlag = (word: string): boolean => word.startsWith("--");
const ids = process.argv.slice(2).filter((word) => !isFlag(word));
const outputFile = process.argv
  .slice(2)
  .find((word) => word.startsWith("--report="))
  ?.slice("--report=".length);
const wanted = harnesses.filter(({ install, id }) => install && (ids.length === 0 || ids.includes(id)));
const found: Ready[] = [];
for (const harness of wanted) found.push(await ready(harness));
const missing = found.filter((one) => one.missing !== undefined);
for (const { harness, missing: why } of missing) {
  const verdict = inCi ? "FAILED, for it is missing" : "skipped, for it is missing";
  console.log(`${harness.id}: ${verdict}: ${why}`);
}
const played = found.filter((one) => one.missing === undefined).map(({ harness }) => harness);
const nothing = { numPassedTests: 0, numFailedTests: 0, testResults: [] };
if (outputFile !== undefined) await writeFile(outputFile, JSON.stringify(nothing));
const code = played.length === 0 ? 0 : await play(played, outputFile);
process.exitCode = code !== 0 || (inCi && missing.length > 0) ? 1 : 0;
