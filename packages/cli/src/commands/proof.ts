/** `corral proof`: shows on this machine that what Corral promises is true, with real processes and real deaths. */
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { systemClock } from "@corral/kernel";
import type { Proof, ProofContext, Proved } from "@corral/proof";
import { Fault } from "@corral/protocol";
import { type Command, Option } from "commander";
import { thisProgram } from "../child-daemon.ts";
import { countOption, declare, jsonOption, type Stage } from "../command.ts";
import { hostEnvOf } from "../config.ts";
import { exitCodes } from "../exit-code.ts";
import { writeJson } from "../output/table.ts";
import type { Shell } from "../shell.ts";

interface ProofFlags {
  readonly only?: string;
  readonly quick?: boolean;
  readonly seed?: number;
  readonly jobs?: number;
  readonly json?: boolean;
  readonly page?: string;
}

interface Result extends Proved {
  readonly proof: string;
}

/** Loaded only when it is wanted: no other command needs it. */
const load = () => import("@corral/proof");

interface Selection {
  readonly proofs: readonly Proof[];
  /** What is looked for in the matrix. */
  readonly word?: string;
}

/** A word is the name of a proof, or of something in the matrix. */
function select(all: readonly Proof[], { only }: ProofFlags): Selection {
  const named = all.filter(({ name }) => name === only);
  if (named.length > 0) return { proofs: named };
  return only === undefined ? { proofs: all } : { proofs: all.slice(0, 1), word: only };
}

const unknownWord = (word: string): Fault =>
  new Fault("request.invalid", {
    detail: `Nothing is called "${word}"`,
    help: "Name a proof (matrix, torture, runs, fuzz) or something that dies, such as server or orphan.",
  });

const countsOf = ({ passed, failed, skipped }: Pick<Result, "passed" | "failed" | "skipped">): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

async function runOne(proof: Proof, context: ProofContext): Promise<Result> {
  const { tell } = context;
  tell(proof.title);
  const result = await proof.run(context);
  const figures = Object.entries(result.figures).map(([name, figure]) => `${name} ${figure}`);
  for (const { name, failures } of result.rows) for (const why of failures) tell(`✗ ${name}: ${why}`);
  const reasons = new Set(result.rows.flatMap((row) => row.skipped ?? []));
  for (const why of reasons) tell(`skipped: ${why}`);
  if (result.rows.length === 0) throw unknownWord(context.only ?? "");
  tell(`${proof.name}: ${countsOf(result)}; ${figures.join(", ")}; seed ${result.seed}`);
  tell("");
  return { proof: proof.name, ...result };
}

function lastLine(results: readonly Result[], tookMs: number): string {
  const names = results.map(({ proof }) => proof).join(", ");
  const sum = (count: "passed" | "failed" | "skipped"): number =>
    results.reduce((total, result) => total + result[count], 0);
  const counts = countsOf({ passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") });
  return `${names} in ${Math.round(tookMs / 1_000)} s: ${counts}`;
}

async function runAll(shell: Shell, flags: ProofFlags, signal: AbortSignal): Promise<readonly Result[]> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "corral-proof-")));
  const out = flags.json ? shell.stderr : shell.stdout;
  const results: Result[] = [];
  const sinceMs = systemClock.monotonicMs();
  const { proofs, word } = select((await load()).proofs, flags);
  try {
    for (const proof of proofs) {
      const context: ProofContext = {
        corral: thisProgram(),
        hostEnv: hostEnvOf(shell.world),
        folder,
        clock: systemClock,
        signal,
        quick: flags.quick ?? false,
        tell: (line) => out.line(line),
        ...(flags.seed === undefined ? {} : { seed: flags.seed }),
        ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
        ...(word === undefined ? {} : { only: word }),
      };
      results.push(await runOne(proof, context));
    }
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  out.line(lastLine(results, systemClock.monotonicMs() - sinceMs));
  return results;
}

async function act(shell: Shell, flags: ProofFlags): Promise<number> {
  if (flags.page !== undefined) {
    const { pageOfFates } = await load();
    await writeFile(resolve(shell.world.cwd, flags.page), pageOfFates());
    return exitCodes.done;
  }
  const stop = new AbortController();
  using _ = shell.onInterrupt(() => stop.abort(new Error("interrupted")));
  try {
    const results = await runAll(shell, flags, stop.signal);
    if (flags.json) writeJson(shell.stdout, results);
    return results.every(({ failed }) => failed === 0) ? exitCodes.done : exitCodes.failed;
  } catch (error) {
    if (stop.signal.aborted) return exitCodes.interrupted;
    throw error;
  }
}

export const proofCommand = (stage: Stage): Command =>
  declare<[], ProofFlags>(stage, {
    usage: "proof",
    summary: "Kills everything that can die, in every way and at every moment, and shows that what is promised holds.",
    notes: `Starts daemons of its own below the temporary directory, with the scripted agent: no key, no network. Some cells fill
a small disk, which only root may mount; others skip them and say so. Exit code 1 when a promise does not hold.`,
    examples: [
      "corral proof --quick",
      "corral proof",
      "corral proof --only orphan",
      "corral proof --only matrix --seed 7 --json",
    ],
    options: [
      new Option(
        "--quick",
        "a part of each proof, two minutes in all: everything that dies, at each moment and in each way once, and little of the others",
      ),
      new Option("--only <word>", "one proof (matrix, torture, runs, fuzz) or one class of the matrix"),
      countOption("--seed <number>", "repeat what this seed did"),
      countOption("--jobs <count>", "how many daemons play beside each other"),
      new Option("--page <file>", "write the page of what happens when x dies, and run nothing"),
      jsonOption("the results"),
    ],
    act: (shell, { flags }) => act(shell, flags),
  });
