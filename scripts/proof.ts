/** `npm run proof`: builds the executable that ships and lets it prove itself; what else is said goes to `corral proof`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { mayNotSkip, proofs } from "@corral/proof";
import { bundle } from "./build/bundle.ts";
import { proofReport, skippedLine } from "./house/proof-report.ts";

const root = join(import.meta.dirname, "..");
const reportFlag = "--report=";
const args = process.argv.slice(2);
const report = args.find((arg) => arg.startsWith(reportFlag))?.slice(reportFlag.length);
const wishes = args.filter((arg) => !arg.startsWith(reportFlag));

/** Whoever asks for a proof by its name gets that one; who asks for nothing is shown all of them. */
const wanted = proofs.map(({ name }) => name).filter((name) => wishes.length === 0 || wishes.includes(name));

async function writeReport(path: string, said: string): Promise<void> {
  const told = proofReport(said, { wanted, mayNotSkip: mayNotSkip() });
  const left = skippedLine(told);
  if (left !== undefined) console.log(left);
  await writeFile(path, JSON.stringify(told));
}

const folder = await mkdtemp(join(tmpdir(), "corral-"));
try {
  await bundle({ root, folder });
  const json = report === undefined ? [] : ["--json"];
  const child = spawn(process.execPath, [join(folder, "corral.js"), "proof", ...wishes, ...json], {
    stdio: ["inherit", report === undefined ? "inherit" : "pipe", "inherit"],
  });
  // The terminal tells the child as well, for which a second word means to leave at once; whoever waits for it stays.
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  const ended = once(child, "exit");
  const said = child.stdout ? await text(child.stdout) : "";
  const [code] = (await ended) as [number | null];
  // A program that died without a word is told of by what it wrote last.
  if (report !== undefined && said !== "") await writeReport(report, said);
  process.exitCode = code ?? 1;
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
