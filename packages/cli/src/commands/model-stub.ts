/** `corral model-stub`: a scripted model server to point a harness at, so that it runs without a key or a network. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { basesOf, Model, WrittenStory } from "@corral/model";
import { Fault } from "@corral/protocol";
import { type Command, Option } from "commander";
import { countOption, declare, jsonOption, type Stage } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import type { Out } from "../output/out.ts";
import { writeJson } from "../output/table.ts";
import type { Shell } from "../shell.ts";

interface ModelFlags {
  readonly story?: string;
  readonly port?: number;
  readonly json?: boolean;
}

async function storyOf(file: string, cwd: string): Promise<WrittenStory> {
  const path = resolve(cwd, file);
  const { readStory } = await import("@corral/model");
  try {
    return readStory(await readFile(path, "utf8"), file);
  } catch (error) {
    if (error instanceof Fault) throw error;
    const detail = `The story ${path} cannot be read (${(error as Error).message})`;
    throw new Fault("story.invalid", { detail, help: "Check the path.", cause: error });
  }
}

function greet(stdout: Out, { url }: Model, bases: ReturnType<typeof basesOf>): void {
  stdout.line(`The scripted model listens on ${url}`);
  for (const { title, url: base, hints } of bases) {
    stdout.line(`  ${title.padEnd(24)}${base}`);
    for (const hint of hints) stdout.line(`    ${hint}`);
  }
  stdout.line(`  ${"journal".padEnd(24)}${url}/__journal`);
}

async function act(shell: Shell, { story, port = 0, json }: ModelFlags): Promise<number> {
  const written = story === undefined ? {} : await storyOf(story, shell.world.cwd);
  const stopped = Promise.withResolvers<void>();
  using _ = shell.onInterrupt(() => stopped.resolve());
  const [{ systemClock }, { basesOf, startModel }] = [await import("@corral/kernel"), await import("@corral/model")];
  const model = await startModel({ clock: systemClock, story: written, port });
  const bases = basesOf(model.url);
  if (json) writeJson(shell.stdout, { url: model.url, port: model.port, bases });
  else greet(shell.stdout, model, bases);
  await stopped.promise;
  await model.close();
  return exitCodes.done;
}

export const modelStubCommand = (stage: Stage): Command =>
  declare<[], ModelFlags>(stage, {
    usage: "model-stub",
    summary: "Starts a scripted model server on loopback, to run any harness without a key or a network.",
    notes: `It speaks Chat Completions, Responses, Anthropic Messages and Gemini. Without a story the prompt says what is
answered: RUN_TOOL[cmd] WRITE_FILE[path] ESCALATE SLOW HANG THINK COUNT ECHO:text FAIL429 CUT. Ctrl-C stops it.`,
    examples: ["corral model-stub", "corral model-stub --story story.yaml --port 4010", "corral model-stub --json"],
    options: [
      new Option("--story <file>", "the story to answer from, YAML or JSON"),
      countOption("-p, --port <port>", "the port; 0, the default, picks a free one"),
      jsonOption("where it listens"),
    ],
    act: (shell, { flags }) => act(shell, flags),
  });
