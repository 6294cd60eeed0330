/** Records a conversation with a real harness into fixtures/transcripts, after an upgrade of the version that its driver pins. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runStep } from "./house/steps.ts";
import { offline } from "./real/offline.ts";

const root = join(import.meta.dirname, "..");
const folder = join(root, "fixtures", "transcripts");
const [id, dialect = "chat"] = process.argv.slice(2);
if (id === undefined) {
  console.error("usage: node scripts/record-transcript.ts <harness> [chat|responses|messages|gemini]");
  process.exit(2);
}

const wall = offline() ?? [];
const program = "packages/conformance/src/recording/record.fixture.ts";
const [command = "", ...args] = [...wall, process.execPath, program, id, dialect];
const recorded = execFileSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
writeFileSync(join(folder, `${id}.jsonl`), recorded);
// Folded anew. What an upgrade changed is shown as people read it: who said what, what was asked, how each turn ended.
const { code } = await runStep({ command: "vitest", args: ["run", "harness/transcripts", "-t", id, "-u"], show: true });
const git = (...words: readonly string[]) => execFileSync("git", [...words], { cwd: root, stdio: "inherit" });
git("--no-pager", "diff", "--", join(folder, `${id}.folded.json`));
git("--no-pager", "diff", "--stat", "--", folder);
process.exitCode = code;
