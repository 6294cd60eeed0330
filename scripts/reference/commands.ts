/** The command line's own help as text: every command, found by asking for the help of the one above it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const program = join(import.meta.dirname, "../../packages/cli/src/main.ts");
const execute = promisify(execFile);

async function helpOf(words: readonly string[]): Promise<string> {
  // Nothing of our surroundings may show in the page.
  const env = { PATH: process.env.PATH ?? "", HOME: "/home/you" };
  const { stdout } = await execute(process.execPath, [program, ...words, "--help"], { env });
  return stdout.trimEnd();
}

/** The names under "Commands:", without commander's own `help`. */
function namesIn(help: string): readonly string[] {
  const [, listed = ""] = /\nCommands:\n([\s\S]*?)(\n\n|$)/.exec(help) ?? [];
  return [...listed.matchAll(/^ {2}(?<name>\S+)/gm)]
    .map(({ groups }) => groups?.name ?? "")
    .filter((name) => name !== "help");
}

async function sectionsOf(words: readonly string[]): Promise<readonly string[]> {
  const help = await helpOf(words);
  const below: string[] = [];
  for (const name of namesIn(help)) below.push(...(await sectionsOf([...words, name])));
  return [`## \`${["corral", ...words].join(" ")}\`\n\n\`\`\`text\n${help}\n\`\`\`\n`, ...below];
}

export const commandsText = async (): Promise<string> => (await sectionsOf([])).join("\n");
