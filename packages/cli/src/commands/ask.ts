/** `corral ask`: what agents want to know from a person, and the answers. */
import type { Corral } from "@corral/client";
import { type Answer, type Ask, Fault, isId, type Session, type SessionId, type Turn } from "@corral/protocol";
import { Command, Option } from "commander";
import { declare, examplesText, jsonOption, reachOptions, type Stage, settingsOf } from "../command.ts";
import { type ConfigFlags, readConfig } from "../config.ts";
import { exitCodes, exitCodeTable } from "../exit-code.ts";
import { followTurn } from "../follow-turn.ts";
import { oneLine } from "../output/harmless.ts";
import { ageOf } from "../output/measure.ts";
import { tellResult } from "../output/result.ts";
import { type Column, writeJson, writeTable } from "../output/table.ts";
import { type Reached, reach } from "../reach.ts";
import { allSessions, sessionNamed } from "../session-named.ts";
import type { Shell } from "../shell.ts";

interface AskFlags extends ConfigFlags {
  readonly json?: boolean;
  readonly session?: string;
  readonly wait?: boolean;
}

interface Waiting {
  readonly session: Session;
  readonly ask: Ask;
}

async function waitingAsks(corral: Corral, name: string | undefined): Promise<readonly Waiting[]> {
  const found: Waiting[] = [];
  const only = name === undefined ? undefined : await sessionNamed(corral, name);
  const sessions =
    only === undefined ? allSessions(corral) : [await corral.call("readSession", { params: { session: only } })];
  for await (const session of sessions) {
    found.push(...session.asks.map((ask) => ({ session, ask })));
  }
  return found;
}

const columnsAt = (nowMs: number): readonly Column<Waiting>[] => [
  { title: "ASK", of: ({ ask }) => ask.id },
  { title: "STATE", of: ({ ask }) => ask.state },
  { title: "SINCE", of: ({ ask }) => ageOf(ask.askedAt, nowMs) },
  { title: "OPTIONS", of: ({ ask }) => ask.options.map(({ optionId }) => oneLine(optionId, 30)).join(" ") },
  { title: "QUESTION", of: ({ ask }) => oneLine(ask.title, 60) },
  { title: "SESSION", of: ({ session }) => session.id },
];

const list = (stage: Stage): Command =>
  declare<[string | undefined], AskFlags>(stage, {
    usage: "ls [session]",
    summary: "Lists what waits for a person's answer, in one session or in all.",
    examples: ["corral ask ls", "corral ask ls last", "corral ask ls --json"],
    options: [jsonOption("the list"), ...reachOptions()],
    act: async ({ stdout, stderr, world }, { args: [name], flags }) => {
      await using reached = await reach(await readConfig(settingsOf(flags), world), { otherwise: "here" });
      const waiting = await waitingAsks(reached.corral, name);
      if (flags.json)
        writeJson(
          stdout,
          waiting.map(({ session, ask }) => ({ session: session.id, ...ask })),
        );
      else if (waiting.length === 0) stderr.line("Nothing waits for an answer.");
      else writeTable(stdout, columnsAt(Date.now()), waiting);
      return exitCodes.done;
    },
  });

/** allow, deny, cancel, the id of an option, or the fields of an elicitation as JSON. */
export function answerOf(text: string, { options }: Pick<Ask, "options">): Answer {
  if (options.some(({ optionId }) => optionId === text)) return { option: text };
  if (text === "allow" || text === "deny" || text === "cancel") return { decision: text };
  if (text.startsWith("{")) return { content: readContent(text) };
  const offered = options.map(({ optionId }) => optionId);
  throw new Fault("ask.answer", {
    detail: `"${text}" is no answer to this ask`,
    help: `Answer with one of: ${["allow", "deny", "cancel", ...offered].join(", ")}.`,
  });
}

function readContent(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    const detail = `The answer is not JSON: ${(error as Error).message}`;
    throw new Fault("ask.answer", { detail, help: `Write the fields as JSON: '{"name":"value"}'`, cause: error });
  }
}

async function findAsk(corral: Corral, id: string, session: string | undefined): Promise<Waiting> {
  const waiting = await waitingAsks(corral, session);
  const found = id === "last" ? waiting[0] : waiting.find(({ ask }) => ask.id === id);
  if (found) return found;
  const known = id === "last" || isId("ask", id);
  throw new Fault("ask.missing", {
    detail: known ? "It was answered, it expired, or it never was" : `"${id}" is not the id of an ask`,
    help: "`corral ask ls` lists those that wait.",
  });
}

/** The turn that an answer set going: the ask's own, or the one that goes on with a paused one. */
async function turnAfter(corral: Corral, state: Session, { ask }: Waiting): Promise<Turn | undefined> {
  const id = ask.state === "parked" ? (state.turn ?? state.queue.at(-1) ?? state.lastTurn)?.id : ask.turn;
  return id && (await corral.call("readTurn", { params: { session: state.id, turn: id } }));
}

/** Shows how it goes on; without a daemon this process is the only one that could. */
async function goOn(shell: Shell, { corral, url }: Reached, state: Session, waiting: Waiting): Promise<number> {
  const turn = await turnAfter(corral, state, waiting);
  if (turn === undefined) return exitCodes.done;
  const session: SessionId = state.id;
  // What was said before the answer has been read already.
  const from = waiting.ask.state === "parked" ? turn.cursor : state.cursor + 1;
  const show = { json: false, quiet: false, policy: state.policy, ...(url === undefined ? {} : { url }) };
  const followed = await followTurn({ shell, corral, session, turn: { id: turn.id, cursor: from }, ...show });
  const { items } = await corral.call("listAsks", { params: { session } });
  tellResult(shell, { session, ...followed, asks: items.filter((ask) => ask.turn === turn.id) });
  return followed.code;
}

async function answer(shell: Shell, [id, text]: readonly [string, string], flags: AskFlags): Promise<number> {
  const config = await readConfig(settingsOf(flags), shell.world);
  await using reached = await reach(config, { otherwise: "here" }, (line) => shell.stderr.line(line));
  const waiting = await findAsk(reached.corral, id, flags.session);
  const { session, ask } = waiting;
  const params = { session: session.id, ask: ask.id };
  const state = await reached.corral.call("answerAsk", { params, body: answerOf(text, ask) });
  if (flags.wait || reached.where === "here") return await goOn(shell, reached, state, waiting);
  shell.stdout.line(`Answered. Follow how it goes on: corral sessions tail -f ${session.id}`);
  return exitCodes.done;
}

const answerCommand = (stage: Stage): Command =>
  declare<[string, string], AskFlags>(stage, {
    usage: "answer <ask> <answer>",
    summary: "Answers an ask with allow, deny, cancel, one of its options, or the fields it wants as JSON.",
    notes: `\`last\` is the first ask of the newest session. The answer to the ask of a paused turn lets it go on; without a
daemon that happens in this command, which then shows it to its end.

${exitCodeTable}`,
    examples: ["corral ask answer last allow", "corral ask answer last deny --wait"],
    options: [
      new Option("--session <id>", "look in this session only, or `last`"),
      new Option("--wait", "show the turn to its end"),
      ...reachOptions(),
    ],
    act: (shell, { args, flags }) => answer(shell, args, flags),
  });

export function askCommand(stage: Stage): Command {
  const ask = new Command("ask").description("Lists and answers what agents want to know from a person.");
  ask.addHelpText("after", examplesText(["corral ask ls", "corral ask answer last allow"]));
  for (const command of [list(stage), answerCommand(stage)]) ask.addCommand(command);
  return ask;
}
