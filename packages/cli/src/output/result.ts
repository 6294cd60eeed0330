/** The end of a run: its last line for programs, or what a person has to know when it was not simply done. */
import type { Ask, FaultRecord, SessionId, Turn } from "@corral/protocol";
import { Fault } from "@corral/protocol";
import type { Shell } from "../shell.ts";
import { tell, tellingOf, toldFault } from "./fault.ts";
import { oneLine } from "./harmless.ts";

export interface Result {
  readonly session?: SessionId;
  readonly turn?: Turn;
  readonly code: number;
  /** The asks that wait for a person. */
  readonly asks?: readonly Ask[];
  /** The flags by which another command finds the same daemon. */
  readonly place?: string;
  /** Why there was no turn at all. */
  readonly error?: unknown;
}

const faultOf = (error: unknown): FaultRecord | undefined =>
  error === undefined
    ? undefined
    : error instanceof Fault
      ? error.toRecord()
      : { code: "internal", detail: error instanceof Error ? error.message : String(error) };

/** The last line of `--json`; it is always there, whatever happened before. */
export function writeResult({ stdout }: Shell, { session, turn, code, asks = [], error }: Result): void {
  const fault = turn?.fault ?? faultOf(error);
  stdout.line(
    JSON.stringify({
      type: "result",
      session,
      turn: turn?.id,
      outcome: turn?.outcome ?? (error === undefined ? "lost" : "failed"),
      exitCode: code,
      stopReason: turn?.stopReason,
      output: turn?.output ?? "",
      usage: turn?.usage,
      fault,
      ...(asks.length > 0 ? { asks } : {}),
    }),
  );
}

const recordOf = ({ code, detail, help }: NonNullable<Turn["fault"]>): FaultRecord => ({
  ...{ code, detail },
  ...(help === undefined ? {} : { help }),
});

/** How to answer what waits. */
function tellAsks({ stderr }: Shell, { asks = [], place = "" }: Result): void {
  for (const { id, title, options } of asks) {
    stderr.line(`${stderr.style(["yellow", "bold"], "corral:")} the agent waits for a person: ${oneLine(title)}`);
    stderr.line(`  do:  corral ask answer${place} ${id} allow`);
    stderr.line(`  or:  deny${options.map(({ optionId }) => `, ${oneLine(optionId)}`).join("")}`);
  }
}

/** Why a turn was not simply done, if it was not. */
function tellEnd(shell: Shell, turn: Turn, session: SessionId | undefined): void {
  const { stderr } = shell;
  const { fault, outcome, stopReason } = turn;
  if (outcome === "lost") tellLost(shell, session);
  else if (fault) tell(stderr, toldFault(recordOf(fault)));
  else if (outcome === "cancelled") stderr.line("The turn was cancelled.");
  else if (outcome === "completed" && stopReason !== undefined && stopReason !== "end_turn") {
    stderr.line(`The agent stopped early: ${oneLine(stopReason)}.`);
  }
}

export function tellResult(shell: Shell, result: Result): void {
  const { session, turn, error } = result;
  if (error !== undefined) tell(shell.stderr, tellingOf(error));
  if (turn !== undefined) tellEnd(shell, turn, session);
  tellAsks(shell, result);
}

const tellLost = ({ stderr }: Shell, session: SessionId | undefined): void =>
  tell(stderr, {
    what: "The turn was lost",
    why: "The daemon ended while the turn was running.",
    doing: `What was said is kept; go on with: corral run --session ${session ?? "last"} "Go on"`,
  });
