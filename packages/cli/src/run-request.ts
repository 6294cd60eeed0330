/** What `corral run` was asked for: the prompt, the agent's options, and the session to open. */
import { resolve } from "node:path";
import { type AskPolicy, Fault, type OpenSession } from "@corral/protocol";
import { type Config, type ConfigFlags, secretsNamed } from "./config.ts";
import type { Shell } from "./shell.ts";
import { readStoryFile } from "./story-file.ts";

export interface RunFlags extends ConfigFlags {
  readonly cwd?: string;
  readonly session?: string;
  readonly timeout?: string;
  readonly model?: string;
  readonly mode?: string;
  readonly story?: string;
  readonly option?: readonly string[];
  readonly secret?: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

async function readAll(stdin: Shell["stdin"]): Promise<string> {
  let text = "";
  for await (const piece of stdin.setEncoding("utf8")) text += String(piece);
  return text;
}

export const isFromStdin = (words: readonly string[]): boolean => words.length === 1 && words[0] === "-";

export async function readPrompt(words: readonly string[], { stdin }: Shell): Promise<string> {
  const fromStdin = isFromStdin(words);
  const prompt = (fromStdin ? await readAll(stdin) : words.join(" ")).trim();
  if (prompt !== "") return prompt;
  throw new Fault("request.invalid", {
    detail: fromStdin ? "stdin held no prompt" : "There is no prompt",
    help: 'Write it behind the command, or pipe it in: corral run "Say hello"; echo "Say hello" | corral run -',
  });
}

/** `key=value`; a value that is JSON is what it says, any other is text. */
export function readOption(written: string): readonly [string, unknown] {
  const at = written.indexOf("=");
  if (at < 1) {
    throw new Fault("request.invalid", {
      detail: `-o ${written} is not KEY=VALUE`,
      help: "`corral agents --json` shows the options of each agent.",
    });
  }
  const text = written.slice(at + 1);
  try {
    return [written.slice(0, at), JSON.parse(text)];
  } catch {
    // Not JSON, so it is plain text.
    return [written.slice(0, at), text];
  }
}

async function agentOptions({ option = [], story }: RunFlags, cwd: string): Promise<Readonly<Record<string, unknown>>> {
  const options = Object.fromEntries(option.map(readOption));
  return story === undefined ? options : { ...options, story: await readStoryFile(story, cwd) };
}

const unlessEmpty = <Some extends object>(name: string, some: Some) =>
  Object.keys(some).length > 0 ? { [name]: some } : {};

export async function openingOf(
  flags: RunFlags,
  config: Config,
  { policy, world }: { readonly policy: AskPolicy; readonly world: Shell["world"] },
): Promise<OpenSession> {
  return {
    agent: config.agent,
    cwd: resolve(config.cwd, flags.cwd ?? "."),
    policy,
    ...(flags.model === undefined ? {} : { model: flags.model }),
    ...(flags.mode === undefined ? {} : { mode: flags.mode }),
    ...unlessEmpty("options", await agentOptions(flags, config.cwd)),
    ...unlessEmpty("secrets", secretsNamed(flags.secret ?? [], world)),
  };
}
