/** The exit codes of `corral`, and which end of a turn means which. */
import { Fault, type FaultRecord, type Turn } from "@corral/protocol";

export const exitCodes = {
  done: 0,
  failed: 1,
  needsPerson: 2,
  timeout: 4,
  agentError: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodeTable = `Exit codes:
  0    done
  1    failed, or wrongly called
  2    the agent waits for a person's answer
  4    the turn took longer than --timeout
  5    the agent failed: it crashed, could not start, or answered with an error
  130  interrupted`;

function exitCodeOfFault({ code }: Pick<FaultRecord, "code">): ExitCode {
  if (code === "turn.deadline") return exitCodes.timeout;
  return code.startsWith("harness.") || code === "process.start" ? exitCodes.agentError : exitCodes.failed;
}

export const exitCodeOfError = (error: unknown): ExitCode =>
  error instanceof Fault ? exitCodeOfFault(error) : exitCodes.failed;

export function exitCodeOfTurn({ outcome, fault }: Pick<Turn, "outcome" | "fault">, interrupted = false): ExitCode {
  if (interrupted) return exitCodes.interrupted;
  if (outcome === "completed") return exitCodes.done;
  if (outcome === "paused") return exitCodes.needsPerson;
  return fault === undefined ? exitCodes.failed : exitCodeOfFault(fault);
}
