/** Runs the scripted harness on any streams: reads its options, opens the conversation and waits for its end. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { parseArgs } from "node:util";
import { createAgent } from "./agent.ts";
import { defaultStory } from "./default-story.ts";
import { unknownWord } from "./did-you-mean.ts";
import { noShelf, openShelf } from "./history.ts";
import { type Machine, thisProcess } from "./machine.ts";
import type { Env } from "./scene.ts";
import { type Capabilities, type Capability, capabilityNames, type Story } from "./story-shape.ts";
import { createWire } from "./wire.ts";

export interface ScriptedHarnessNeed {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly args: readonly string[];
  readonly env: Env;
  readonly machine?: Machine;
}

const usage = `Usage: scripted-harness [--story FILE] [--state DIR] [--capabilities LIST]

Speaks the Agent Client Protocol on stdin and stdout and plays a story.

  --story FILE         the story (YAML or JSON) of sessions that bring none of their own
  --state DIR          where histories are kept (default: ~/.scripted-harness)
  --capabilities LIST  exactly these of: ${capabilityNames.join(", ")}
                       (default: those of the story)
`;

/** Resolves with the exit code when the conversation is over. */
export async function runScriptedHarness(need: ScriptedHarnessNeed): Promise<number> {
  const { stdin, stdout, stderr, env, machine = thisProcess() } = need;
  const options = await readOptions(need.args, env).catch((error: unknown) => error);
  if (!isOptions(options)) {
    await new Promise((resolve) => stderr.write(`${options instanceof Error ? options.message : options}\n`, resolve));
    return 2;
  }
  if (options.help) {
    await new Promise((resolve) => stdout.write(usage, resolve));
    return 0;
  }
  const wire = createWire({ input: stdin, output: stdout });
  const agent = createAgent({
    ...options,
    wire,
    machine,
    env,
    shelf: remembers(options.capabilities) ? openShelf(options.stateDir) : noShelf,
    complain: writerOf(stderr),
  });
  machine.onTerminate(() => void agent.stop());
  await wire.serve(agent);
  if (machine.deaf) await new Promise(() => undefined);
  await Promise.race([agent.stop(), new Promise<void>((resolve) => void machine.after(graceMs, resolve))]);
  return 0;
}

/** How long turns that do not end are waited for when the client has gone. */
const graceMs = 200;

const remembers = ({ load, resume, fork, list }: Capabilities): boolean => load || resume || fork || list;

interface Options {
  readonly help: boolean;
  readonly story: Story;
  readonly capabilities: Capabilities;
  readonly stateDir: string;
}

const isOptions = (thing: unknown): thing is Options =>
  typeof thing === "object" && thing !== null && "stateDir" in thing;

async function readOptions(args: readonly string[], env: Env): Promise<Options> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      story: { type: "string" },
      state: { type: "string" },
      capabilities: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const story = values.story === undefined ? defaultStory : await readStory(values.story);
  return {
    help: values.help,
    story,
    capabilities: values.capabilities === undefined ? story.capabilities : capabilitiesOf(values.capabilities),
    stateDir: values.state ?? join(env.HOME ?? homedir(), ".scripted-harness"),
  };
}

async function readStory(file: string): Promise<Story> {
  const text = await readFile(file, "utf8");
  const { parseStory } = await import("./story.ts");
  return parseStory(text, file);
}

function capabilitiesOf(list: string): Capabilities {
  const named = list
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  const known: readonly string[] = capabilityNames;
  const unknown = named.find((word) => !known.includes(word));
  if (unknown !== undefined) throw new Error(unknownWord("capability", unknown, capabilityNames));
  const all = capabilityNames.map((name): [Capability, boolean] => [name, named.includes(name)]);
  return Object.fromEntries(all) as Capabilities;
}

/** Lines that nobody will ever read are dropped. */
function writerOf(stream: Writable): (line: string) => Promise<void> {
  let gone = false;
  stream.on("error", () => {
    gone = true;
  });
  return async (line) => {
    if (gone || stream.write(`${line}\n`)) return;
    await once(stream, "drain").catch(() => {
      gone = true;
    });
  };
}
