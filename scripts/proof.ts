/** `npm run proof`: builds the executable that ships and lets it prove itself; what else is said goes to `corral proof`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { bundle } from "./build/bundle.ts";
import { proofReport } from "./house/proof-report.ts";

const root = join(import.meta.dirname, "..");
const reportFlag = "--report=";
const args = process.argv.slice(2);
const report = args.find((arg) => arg.startsWith(reportFlag))?.slice(reportFlag.length);
const wishes = args.filter((arg) => !arg.startsWith(reportFlag));

const folder = await mkdtemp(join(tmpdir(), "corral-"));
try {
  await bundle({ root, folder });
  const json = report === undefined ? [] : ["--json"];
  const child = spawn(process.execPath, [join(folder, "corral.js"), "proof", ...wishes, ...json], {
    stdio: ["inherit", report === undefined ? "inherit" : "pipe", "inherit"],
  });
  // The terminal tells the child as well; whoever waits for it must not leave first.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const ended = once(child, "exit");
  const said = child.stdout ? await text(child.stdout) : "";
  const [code] = (await ended) as [number | null];
  if (report !== undefined) await writeFile(report, JSON.stringify(proofReport(said)));
  process.exitCode = code ?? 1;
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
