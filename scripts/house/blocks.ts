/** Runs the blocks of a document as its reader would: in order, in one directory, beside one daemon. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { missingLine, type Runnable } from "./markdown.ts";
import type { Ran, Stage } from "./stage.ts";
import { lastLines } from "./tally.ts";

/** How blocks of a language are run. */
const runners: Readonly<Record<string, (stage: Stage, block: Runnable) => Promise<Ran>>> = {
  sh: (stage, { text }) => stage.shell(text),
  async ts(stage, { text, line }) {
    const file = join(stage.folder, `block-at-line-${line}.ts`);
    await writeFile(file, text);
    return stage.run("node", [file]);
  },
};

export const canRun = (language: string): boolean => Object.hasOwn(runners, language);

const verdictOf = ({ code, output }: Ran, expected: string | undefined): string | undefined => {
  if (code === "timeout") return "did not end in time";
  if (code !== 0) return `ended with ${code}`;
  const missing = expected === undefined ? undefined : missingLine(output, expected);
  return missing === undefined ? undefined : `did not print the line "${missing}"`;
};

/** Runs one block; a failure tells the document, the line, the block and everything it printed. */
export async function runBlock(stage: Stage, document: string, block: Runnable): Promise<void> {
  const run = canRun(block.language) ? runners[block.language] : undefined;
  if (run === undefined)
    throw new Error(`${document}:${block.line} says run, but ${block.language} blocks cannot be run`);
  const ran = await run(stage, block);
  const verdict = verdictOf(ran, block.expected);
  if (verdict === undefined) return;
  const printed = ran.output.trim() === "" ? "(nothing)" : lastLines(ran.output, 80);
  throw new Error(`${document}:${block.line} ${verdict}\n\n${block.text}\n\nIt printed:\n${printed}`);
}

/** Starts the daemon of a stage through the real command line and tells everything on the stage where it is. */
export async function startDaemon(stage: Stage): Promise<void> {
  stage.set("CORRAL_URL", await stage.serve("corral", ["serve", "--port", "0"]));
}
