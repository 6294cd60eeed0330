/** The one command: format, lint, types, tests and the contract, told step by step and summed up in one line. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Failure, lastLines, type Tally, type TestReport, tallyTests } from "./house/tally.ts";

interface Step {
  readonly title: string;
  run(): Promise<Tally>;
}

const root = join(import.meta.dirname, "..");

function refuseOldNode(): void {
  const major = Number(process.versions.node.split(".")[0]);
  if (major >= 24) return;
  console.error(
    `This is Node ${process.versions.node}; Corral needs Node 24. Run \`npm ci && npm test\`: it brings its own.`,
  );
  console.log("0 passed, 1 failed");
  process.exit(1);
}

/** A step that is one program, which passes or fails as a whole. */
function programStep(title: string, command: string, args: readonly string[]): Step {
  return {
    title,
    async run() {
      const { runStep } = await import("./house/steps.ts");
      const { code, output } = await runStep({ command, args, show: false });
      return code === 0
        ? { passed: 1, failures: [] }
        : { passed: 0, failures: [{ what: title, why: lastLines(output, 200) }] };
    },
  };
}

async function readReport(path: string): Promise<TestReport | undefined> {
  return existsSync(path) ? (JSON.parse(await readFile(path, "utf8")) as TestReport) : undefined;
}

/** A step that is many tests, told where it writes its report. */
function testStep(title: string, command: string, argsFor: (report: string) => readonly string[]): Step {
  return {
    title,
    async run() {
      const { runStep } = await import("./house/steps.ts");
      const folder = await mkdtemp(join(tmpdir(), "corral-verify-"));
      try {
        const path = join(folder, "report.json");
        const outcome = await runStep({ command, args: argsFor(path), show: true });
        return tallyTests(await readReport(path), outcome);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  };
}

const ordinaryTests = testStep("tests, house laws, documents and examples", "vitest", (report) => [
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
]);

/** What is proven as a whole by the executable that ships; of these the tests play a part, of torture and fuzz as much as is quick. */
const wholes: Readonly<Record<string, string>> = {
  matrix: "the whole kill matrix, by the executable that ships",
  runs: "a thousand runs, by the executable that ships",
};

function wholeProofs(): readonly Step[] {
  if (process.env.CI) {
    return Object.entries(wholes).map(([name, title]) =>
      testStep(title, "node", (report) => ["scripts/proof.ts", "--only", name, `--report=${report}`]),
    );
  }
  for (const title of Object.values(wholes)) {
    console.log(`${title}: left out; \`npm run proof\` plays it, and so does CI=true.`);
  }
  return [];
}

/** Minutes of work for two cores, and a gigabyte of programs: done in CI, and for whoever asks for it. */
function realHarnesses(): readonly Step[] {
  const title = "real harnesses, without a network";
  // Five minutes on two free cores; a machine that is busy with other work is given three times as long before it is called hung.
  const limit = "--limit-seconds=900";
  if (process.env.CI || process.env.CORRAL_REAL)
    return [testStep(title, "node", (report) => ["scripts/real.ts", limit, `--report=${report}`])];
  console.log(`${title}: left out; \`npm run real\` plays them, and so do CORRAL_REAL=1 and CI=true.`);
  return [];
}

function allSteps(): readonly Step[] {
  return [
    programStep("format and lint", "biome", ["check", "--error-on-warnings", "--max-diagnostics=50", "."]),
    programStep("types", "tsc", ["--noEmit"]),
    ordinaryTests,
    ...wholeProofs(),
    ...realHarnesses(),
    programStep("OpenAPI document", "node", ["scripts/openapi.ts", "--check"]),
  ];
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

async function runAll(steps: readonly Step[]): Promise<Tally> {
  const failures: Failure[] = [];
  let passed = 0;
  for (const [at, { title, run }] of steps.entries()) {
    console.log(`[${at + 1}/${steps.length}] ${title} …`);
    const startedMs = performance.now();
    const tally = await run();
    const verdict = tally.failures.length === 0 ? "ok" : `${tally.failures.length} failed`;
    console.log(`[${at + 1}/${steps.length}] ${title}: ${verdict} (${seconds(performance.now() - startedMs)})`);
    passed += tally.passed;
    failures.push(...tally.failures);
  }
  return { passed, failures };
}

refuseOldNode();
const { passed, failures } = await runAll(allSteps());
for (const { what, why } of failures)
  console.log(`\nFAILED ${what.replace(`${root}/`, "")}\n${why.replace(/^/gm, "    ")}`);
if (failures.length > 0) console.log("");
process.exitCode = failures.length === 0 ? 0 : 1;
console.log(`${passed} passed, ${failures.length} failed`);
