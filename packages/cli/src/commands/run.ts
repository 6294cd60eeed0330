/** `corral run`: one prompt, from the first word to the exit code. */
import type { Corral } from "@corral/client";
import type { AskPolicy, SessionId } from "@corral/protocol";
import { type Command, Option } from "commander";
import { createPerson, inputOfPerson, type Person } from "../ask-person.ts";
import { collected, declare, jsonOption, reachOptions, type Stage, settingsOf } from "../command.ts";
import { type Config, readConfig } from "../config.ts";
import { readDurationMs } from "../duration.ts";
import { exitCodeOfError, exitCodes, exitCodeTable } from "../exit-code.ts";
import { followTurn } from "../follow-turn.ts";
import { type Result, tellResult, writeResult } from "../output/result.ts";
import { type PolicyLine, policyOf, policyOptions, waitingPolicy } from "../policy.ts";
import { type Reached, reach } from "../reach.ts";
import { isFromStdin, openingOf, type RunFlags, readPrompt } from "../run-request.ts";
import { sessionNamed } from "../session-named.ts";
import type { Shell } from "../shell.ts";

/** Everything that was decided before anything is done. */
interface Plan {
  readonly shell: Shell;
  readonly flags: RunFlags;
  readonly config: Config;
  readonly lines: readonly PolicyLine[];
  readonly prompt: string;
  readonly timeoutMs?: number;
  readonly person?: Person;
}

/** A session that goes on keeps its own rules unless new ones were written. */
async function goOn(corral: Corral, session: SessionId, { flags, lines, person }: Plan): Promise<AskPolicy> {
  const interactive = person !== undefined;
  const { model, mode } = flags;
  const patched = await corral.call("patchSession", {
    params: { session },
    body: {
      policy: lines.length > 0 ? policyOf(lines, interactive) : waitingPolicy(interactive),
      ...(model === undefined ? {} : { model }),
      ...(mode === undefined ? {} : { mode }),
    },
  });
  return patched.policy;
}

async function begin(corral: Corral, plan: Plan): Promise<{ readonly session: SessionId; readonly policy: AskPolicy }> {
  const { flags, config, lines, person, shell } = plan;
  if (flags.session !== undefined) {
    const session = await sessionNamed(corral, flags.session);
    return { session, policy: await goOn(corral, session, plan) };
  }
  const policy = policyOf(lines, person !== undefined);
  const body = await openingOf(flags, config, { policy, world: shell.world });
  const { id } = await corral.call("openSession", { body });
  return { session: id, policy };
}

/** What has to be said again to a later command; settings from the environment and the file are there anyway. */
const placeOf = ({ state, url }: RunFlags): string =>
  url !== undefined ? ` --url ${url}` : state !== undefined ? ` --state ${state}` : "";

async function prompted({ corral, url }: Reached, plan: Plan): Promise<Result> {
  const { shell, flags, prompt, timeoutMs, person } = plan;
  const { session, policy } = await begin(corral, plan);
  const { json = false, quiet = false } = flags;
  if (!json && !quiet) shell.stderr.line(shell.stderr.style("dim", `session ${session}`));
  const limit = timeoutMs === undefined ? {} : { timeoutMs };
  const turn = await corral.call("startTurn", { params: { session }, body: { prompt, ...limit } });
  const need = {
    shell,
    corral,
    session,
    turn,
    json,
    quiet,
    policy,
    ...limit,
    ...(person ? { person } : {}),
    ...(url === undefined ? {} : { url }),
  };
  const followed = await followTurn(need);
  const waits = followed.code === exitCodes.needsPerson;
  const { items } = waits ? await corral.call("listAsks", { params: { session } }) : { items: [] };
  const asks = items.filter((ask) => ask.turn === turn.id);
  return { session, ...followed, asks, place: placeOf(flags) };
}

async function planOf(shell: Shell, words: readonly string[], flags: RunFlags, lines: readonly PolicyLine[]) {
  const config = await readConfig(settingsOf(flags), shell.world);
  const timeoutMs = flags.timeout === undefined ? undefined : readDurationMs(flags.timeout, "--timeout");
  const prompt = await readPrompt(words, shell);
  const input = flags.json ? undefined : inputOfPerson(shell.stdin, shell.stderr, isFromStdin(words));
  return {
    ...{ shell, flags, config, lines, prompt },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(input ? { person: createPerson(input, shell.stderr) } : {}),
  } satisfies Plan;
}

async function runOnce(plan: Plan): Promise<Result> {
  await using reached = await reach(plan.config, { otherwise: "here" }, (line) => plan.shell.stderr.line(line));
  return await prompted(reached, plan);
}

async function act(shell: Shell, words: readonly string[], flags: RunFlags, lines: readonly PolicyLine[]) {
  const report = (result: Result) => {
    if (flags.json) writeResult(shell, result);
    if (!flags.json || result.error !== undefined) tellResult(shell, result);
    return result.code;
  };
  let person: Person | undefined;
  try {
    const plan = await planOf(shell, words, flags, lines);
    person = plan.person;
    return report(await runOnce(plan));
  } catch (error) {
    return report({ code: shell.gone.aborted ? exitCodes.interrupted : exitCodeOfError(error), error });
  } finally {
    person?.[Symbol.dispose]();
  }
}

export function runCommand(stage: Stage): Command {
  const { options, lines } = policyOptions();
  return declare<[readonly string[]], RunFlags>(stage, {
    usage: "run [prompt...]",
    summary: "Gives one prompt to an agent and shows the turn to its end.",
    notes: `The answer goes to stdout, progress to stderr. Runs on the daemon of the state directory when there is one,
and in this process when there is none. At a terminal you are asked what the agent wants to know; in a pipe the
turn is paused and the exit code is 2.

${exitCodeTable}`,
    examples: [
      'corral run "Say hello"',
      'corral run --allow "Write a greeting"',
      'corral run --allow read --deny execute "Look around"',
      'echo "Say hello" | corral run --json --timeout 5m -',
      'corral run --session last "And once more"',
      'corral run --story story.yaml "Play it"',
    ],
    options: [
      new Option("--agent <id>", "the agent; see `corral agents` (CORRAL_AGENT; scripted unless said otherwise)"),
      new Option("--cwd <dir>", "the workspace (the current directory unless said otherwise)"),
      new Option("--session <id>", "go on with a session, or `last`"),
      new Option("--timeout <duration>", "fail the turn after so long: 90, 90s, 5m"),
      ...options,
      new Option("--model <id>", "the model"),
      new Option("--mode <id>", "the mode"),
      collected("-o, --option <key=value>", "an option of the agent's own; may be repeated"),
      new Option("--story <file>", "what the scripted agent plays (YAML or JSON)"),
      collected("--secret <name>", "hand a variable of your environment to the agent as a secret; may be repeated"),
      jsonOption("every event as a line, and the result as the last line,"),
      new Option("-q, --quiet", "no progress, only the answer"),
      ...reachOptions(),
    ],
    act: (shell, { args: [words], flags }) => act(shell, words, flags, lines),
  });
}
