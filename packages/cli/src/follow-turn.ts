/** Follows one turn to its end: shows it, puts its asks to a person, and never waits longer than it was told to. */
import type { Corral } from "@corral/client";
import {
  type AskId,
  type AskPolicy,
  decide,
  isFault,
  type SessionEvent,
  type SessionId,
  type Turn,
  type TurnId,
} from "@corral/protocol";
import type { Person, Question } from "./ask-person.ts";
import { type ExitCode, exitCodeOfTurn, exitCodes } from "./exit-code.ts";
import { tell, tellingOf } from "./output/fault.ts";
import { createTurnView, type TurnView } from "./output/turn-view.ts";
import type { Shell } from "./shell.ts";
import { keepVigil } from "./vigil.ts";

export interface FollowNeed {
  readonly shell: Shell;
  readonly corral: Corral;
  readonly session: SessionId;
  readonly turn: Pick<Turn, "id" | "cursor">;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly policy: AskPolicy;
  /** Who answers; absent where nobody can be asked. */
  readonly person?: Person;
  /** Where the daemon is, when it is another process that may go away. */
  readonly url?: string;
  /** How long the turn may take; the daemon ends it then, and we do not wait much longer. */
  readonly timeoutMs?: number;
}

export interface Followed {
  readonly turn: Turn;
  readonly code: ExitCode;
}

/** How long a turn that should end is waited for before we leave without its end. */
const graceMs = 15_000;

const jsonView = ({ stdout }: Shell): TurnView => ({
  show: (event) => stdout.line(JSON.stringify(event)),
  end: () => undefined,
});

/** The asks that are put to the person just now, each of which somebody else may answer first. */
function createDesk({ corral, session, person, policy, shell }: FollowNeed) {
  const open = new Map<AskId, AbortController>();
  const put = async (question: Question) => {
    const answered = new AbortController();
    open.set(question.id, answered);
    const answer = await person?.ask(question, answered.signal);
    open.delete(question.id);
    if (answer === undefined) return;
    try {
      await corral.call("answerAsk", { params: { session, ask: question.id }, body: answer });
    } catch (error) {
      // Somebody else was faster, or the deadline was: the events say which.
      if (!isFault(error, "ask.settled") && !isFault(error, "ask.missing")) tell(shell.stderr, tellingOf(error));
    }
  };
  const settle = (ask: AskId) => {
    open.get(ask)?.abort();
    open.delete(ask);
  };
  return {
    see(event: SessionEvent) {
      if (event.type === "turn.answered") settle(event.data.ask);
      if (event.type !== "turn.asked" || person === undefined) return;
      const { kind, title, toolCall } = event.data;
      const ruling = decide(policy, { title, ...(typeof toolCall?.kind === "string" ? { kind: toolCall.kind } : {}) });
      if (kind === "permission" && ruling.decision !== "ask") return;
      void put({ ...event.data, id: event.data.ask });
    },
    [Symbol.dispose]: () => {
      for (const ask of open.keys()) settle(ask);
    },
  };
}

/** Why a turn is being ended from here. */
type Ending = "interrupted" | "timeout";

/** Asks for the turn's end when the person or the clock wants it, and gives up when it does not come. */
function watchOver({ shell, corral, session, turn, timeoutMs }: FollowNeed, giveUp: AbortController) {
  let ending: Ending | undefined;
  const timers: NodeJS.Timeout[] = [];
  const end = async (why: Ending) => {
    ending ??= why;
    timers.push(setTimeout(() => giveUp.abort(), graceMs));
    try {
      await corral.call("cancelTurn", { params: { session, turn: turn.id } });
    } catch (error) {
      tell(shell.stderr, tellingOf(error));
      giveUp.abort();
    }
  };
  const interrupted = () => {
    shell.stderr.line("Cancelling the turn; Ctrl-C again leaves at once.");
    void end("interrupted");
  };
  const onGone = () => void end("interrupted");
  const heard = shell.onInterrupt(interrupted);
  shell.gone.addEventListener("abort", onGone, { once: true });
  if (timeoutMs !== undefined) timers.push(setTimeout(() => void end("timeout"), timeoutMs + graceMs));
  return {
    ending: () => ending,
    [Symbol.dispose]: () => {
      heard[Symbol.dispose]();
      shell.gone.removeEventListener("abort", onGone);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

const concerns = (event: SessionEvent, turn: TurnId): boolean => event.turn === undefined || event.turn === turn;

async function showToEnd(need: FollowNeed, view: TurnView, signal: AbortSignal): Promise<boolean> {
  const { corral, session, turn } = need;
  using desk = createDesk(need);
  const events = (await corral.sessions.get(session)).events({ after: Math.max(0, turn.cursor - 1), signal });
  try {
    for await (const event of events) {
      if (!concerns(event, turn.id)) continue;
      view.show(event);
      desk.see(event);
      if (event.type === "turn.ended" && event.turn === turn.id) return true;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    if (isFault(signal.reason)) throw signal.reason;
  }
  return false;
}

export async function followTurn(need: FollowNeed): Promise<Followed> {
  const { shell, corral, session, turn } = need;
  const giveUp = new AbortController();
  const view = need.json
    ? jsonView(shell)
    : createTurnView({ answer: shell.stdout, progress: shell.stderr, quiet: need.quiet });
  using watch = watchOver(need, giveUp);
  using _ = need.url === undefined ? undefined : keepVigil(need.url, (fault) => giveUp.abort(fault));
  const ended = await showToEnd(need, view, giveUp.signal);
  view.end();
  const ending = watch.ending();
  if (!ended) return { turn: { ...turn, session, state: "running" }, code: codeOfEnding(ending) };
  const final = await corral.call("readTurn", { params: { session, turn: turn.id } });
  const code = ending === "timeout" ? exitCodes.timeout : exitCodeOfTurn(final, ending === "interrupted");
  return { turn: final, code };
}

const codeOfEnding = (ending: Ending | undefined): ExitCode =>
  ending === "timeout" ? exitCodes.timeout : ending === "interrupted" ? exitCodes.interrupted : exitCodes.failed;
