/** `corral sessions`: lists, shows, follows, cancels, closes and removes sessions. */
import type { Corral } from "@corral/client";
import type { Session, SessionId } from "@corral/protocol";
import { Command } from "commander";
import { countOption, declare, examplesText, jsonOption, reachOptions, type Stage, settingsOf } from "../command.ts";
import { type ConfigFlags, readConfig } from "../config.ts";
import { exitCodes } from "../exit-code.ts";
import { oneLine } from "../output/harmless.ts";
import { ageOf } from "../output/measure.ts";
import { showSession } from "../output/session-view.ts";
import { type Column, writeJson, writeTable } from "../output/table.ts";
import { type ReachOptions, reach } from "../reach.ts";
import { allSessions, sessionNamed } from "../session-named.ts";
import type { Shell } from "../shell.ts";
import { tailCommand } from "./tail.ts";

interface ListFlags extends ConfigFlags {
  readonly json?: boolean;
  readonly limit?: number;
}

const columnsAt = (nowMs: number): readonly Column<Session>[] => [
  { title: "SESSION", of: ({ id }) => id },
  { title: "PHASE", of: ({ phase }) => phase },
  { title: "AGENT", of: ({ agent }) => agent },
  { title: "TURNS", of: ({ turns }) => turns },
  { title: "LAST", of: ({ lastTurn }) => lastTurn?.outcome },
  { title: "CHANGED", of: ({ updatedAt }) => `${ageOf(updatedAt, nowMs)} ago` },
  { title: "TITLE", of: ({ title, cwd }) => oneLine(title ?? cwd, 50) },
];

/** Connects, does one thing, and leaves. */
async function using(
  { world, stderr }: Shell,
  flags: ConfigFlags,
  act: (corral: Corral) => Promise<void>,
  options: ReachOptions = { otherwise: "here" },
): Promise<number> {
  const config = await readConfig(settingsOf(flags), world);
  await using reached = await reach(config, options, (line) => stderr.line(line));
  await act(reached.corral);
  return exitCodes.done;
}

async function firstSessions(corral: Corral, limit: number): Promise<readonly Session[]> {
  const found: Session[] = [];
  for await (const session of allSessions(corral)) {
    if (found.push(session) >= limit) break;
  }
  return found;
}

const list = (stage: Stage): Command =>
  declare<[], ListFlags>(stage, {
    usage: "ls",
    summary: "Lists sessions, the newest first.",
    examples: ["corral sessions ls", "corral sessions ls --limit 5", "corral sessions ls --json"],
    options: [countOption("-n, --limit <count>", "at most so many"), jsonOption("the list"), ...reachOptions()],
    act: (shell, { flags }) =>
      using(shell, flags, async (corral) => {
        const sessions = await firstSessions(corral, flags.limit ?? Number.POSITIVE_INFINITY);
        if (flags.json) writeJson(shell.stdout, sessions);
        else if (sessions.length === 0)
          shell.stderr.line('There are no sessions yet. Open one: corral run "Say hello"');
        else writeTable(shell.stdout, columnsAt(Date.now()), sessions);
      }),
  });

const show = (stage: Stage): Command =>
  declare<[string], ListFlags>(stage, {
    usage: "show <session>",
    summary: "Shows a session: how it stands, what waits, and what was said.",
    examples: ["corral sessions show last", "corral sessions show last --json"],
    options: [jsonOption("the state of the session"), ...reachOptions()],
    act: (shell, { args: [name], flags }) =>
      using(shell, flags, async (corral) => {
        const session = await sessionNamed(corral, name);
        const state = await corral.call("readSession", { params: { session } });
        if (flags.json) return writeJson(shell.stdout, state);
        const { items } = await corral.call("readTranscript", { params: { session }, query: { limit: "200" } });
        showSession(shell.stdout, state, items);
      }),
  });

type Verb = (corral: Corral, session: SessionId, say: (line: string) => void) => Promise<void>;

const cancel: Verb = async (corral, session, say) => {
  const { turn } = await corral.call("readSession", { params: { session } });
  if (turn === undefined) return say("No turn is running.");
  const { outcome } = await corral.call("cancelTurn", { params: { session, turn: turn.id } });
  say(`The turn ${turn.id} ended: ${outcome ?? "not yet"}.`);
};

const close: Verb = async (corral, session, say) => {
  await corral.call("patchSession", { params: { session }, body: { closed: true } });
  say(`The session ${session} is closed; its log is kept.`);
};

const remove: Verb = async (corral, session, say) => {
  await corral.call("removeSession", { params: { session } });
  say(`The session ${session} and its log are removed.`);
};

const verbs: Readonly<Record<string, { readonly summary: string; readonly verb: Verb }>> = {
  cancel: { summary: "Ends the running turn of a session, within a bound.", verb: cancel },
  close: { summary: "Closes sessions; their logs are kept.", verb: close },
  rm: { summary: "Closes sessions and removes their logs.", verb: remove },
};

const verbCommand = (stage: Stage, name: string): Command =>
  declare<[readonly string[]], ConfigFlags>(stage, {
    usage: `${name} <session...>`,
    summary: verbs[name]?.summary ?? "",
    examples: [`corral sessions ${name} last`],
    options: reachOptions(),
    act: (shell, { args: [names], flags }) =>
      using(shell, flags, async (corral) => {
        for (const each of names) {
          await verbs[name]?.verb(corral, await sessionNamed(corral, each), (line) => shell.stdout.line(line));
        }
      }),
  });

export function sessionsCommand(stage: Stage): Command {
  const sessions = new Command("sessions").description("Lists, shows, follows and ends sessions.");
  sessions.addHelpText("after", examplesText(["corral sessions ls", "corral sessions tail -f last"]));
  for (const command of [list(stage), show(stage), tailCommand(stage)]) sessions.addCommand(command);
  for (const name of Object.keys(verbs)) sessions.addCommand(verbCommand(stage, name));
  return sessions;
}
