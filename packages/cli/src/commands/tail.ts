/** `corral sessions tail`: the events of a session as lines, and with -f those that are still to come. */
import type { Corral } from "@corral/client";
import type { SessionEvent, SessionId } from "@corral/protocol";
import { type Command, Option } from "commander";
import { countOption, declare, jsonOption, reachOptions, type Stage, settingsOf } from "../command.ts";
import { type ConfigFlags, readConfig } from "../config.ts";
import { exitCodes } from "../exit-code.ts";
import { eventText } from "../output/event-text.ts";
import { reach } from "../reach.ts";
import { sessionNamed } from "../session-named.ts";
import type { Shell } from "../shell.ts";

interface TailFlags extends ConfigFlags {
  readonly follow?: boolean;
  readonly after?: number;
  readonly lines?: number;
  readonly json?: boolean;
}

/** Without -f the log is read up to the event that was the newest when we came. */
async function* past(corral: Corral, session: SessionId, from: number): AsyncGenerator<SessionEvent> {
  const { cursor: last } = await corral.call("readSession", { params: { session } });
  for (let after = from; after < last; ) {
    const query = { after: String(after), limit: "500" };
    const { items } = await corral.call("readEvents", { params: { session }, query });
    if (items.length === 0) return;
    for (const event of items) {
      if (event.cursor <= last) yield event;
      after = event.cursor;
    }
  }
}

const usualLines = 20;

async function startOf(corral: Corral, session: SessionId, { after, lines }: TailFlags): Promise<number> {
  if (after !== undefined) return after;
  const { cursor } = await corral.call("readSession", { params: { session } });
  return Math.max(0, cursor - (lines ?? usualLines));
}

async function tail(shell: Shell, corral: Corral, name: string, flags: TailFlags): Promise<number> {
  const session = await sessionNamed(corral, name);
  const after = await startOf(corral, session, flags);
  const leave = new AbortController();
  const { stdout } = shell;
  using _ = shell.onInterrupt(() => leave.abort());
  shell.gone.addEventListener("abort", () => leave.abort(), { once: true });
  const letters = stdout.isTerminal ? stdout.columns : 200;
  const events = flags.follow
    ? (await corral.sessions.get(session)).events({ after, signal: leave.signal })
    : past(corral, session, after);
  try {
    for await (const event of events) {
      stdout.line(flags.json ? JSON.stringify(event) : eventText(event, letters));
      if (leave.signal.aborted) break;
    }
  } catch (error) {
    if (!leave.signal.aborted) throw error;
  }
  return leave.signal.aborted && !shell.gone.aborted ? exitCodes.interrupted : exitCodes.done;
}

export const tailCommand = (stage: Stage): Command =>
  declare<[string], TailFlags>(stage, {
    usage: "tail <session>",
    summary: "Prints the newest events of a session; with -f also those to come, until it is closed.",
    examples: [
      "corral sessions tail last",
      "corral sessions tail -f last",
      "corral sessions tail --after 0 --json last",
    ],
    options: [
      new Option("-f, --follow", "go on with what happens; needs a running daemon and survives its restart"),
      countOption("-n, --lines <count>", `so many of the newest events (${usualLines} unless said otherwise)`),
      countOption("--after <cursor>", "all events after this cursor; 0 is all"),
      jsonOption("each event as a line,"),
      ...reachOptions(),
    ],
    act: async (shell, { args: [name], flags }) => {
      const config = await readConfig(settingsOf(flags), shell.world);
      // Without a daemon nobody would ever append what -f waits for.
      await using reached = await reach(config, { otherwise: flags.follow ? "fault" : "here" });
      return await tail(shell, reached.corral, name, flags);
    },
  });
