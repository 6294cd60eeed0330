/** Why a turn of OpenCode failed, so that a program can read it; what it says of its own inside stays out of the fault. */
import { type Frame, frame } from "@corral/kernel";
import { cutText, Fault } from "@corral/protocol";
import { text } from "../reading.ts";

/** What the model server itself called it. */
function modelError(body: unknown): Frame {
  try {
    const { type, code } = frame(frame(JSON.parse(text(body) || "{}")).error);
    const known = Object.entries({ type, code }).filter(([, value]) => typeof value === "string");
    return known.length > 0 ? { modelError: Object.fromEntries(known) } : {};
  } catch {
    return {}; // The answer was no JSON, and the status says enough.
  }
}

/** An exception is told by its name in front or by its stack behind; neither is for people. */
const isException = (message: string): boolean => /^\w*(Error|Exception)\b/.test(message) || /\n\s+at /.test(message);

export interface Failure {
  readonly fault: Fault;
  /** What was left out of the fault, for the log. */
  readonly raw?: string;
}

export function failure(error: unknown): Failure {
  const { name, data: known } = frame(error);
  const { message, statusCode, responseBody } = frame(known);
  const errorName = text(name) || "UnknownError";
  const said = text(message);
  const hidden = said === "" || isException(said);
  const fault = new Fault("harness.refused", {
    detail: hidden ? "OpenCode failed without a reason that is meant for people." : cutText(said, 1_000),
    help: "Look at the error's name and the HTTP status in the fault; then prompt again.",
    more: {
      method: "prompt",
      errorName,
      ...(typeof statusCode === "number" ? { httpStatus: statusCode } : {}),
      ...modelError(responseBody),
    },
  });
  return hidden && said !== "" ? { fault, raw: said } : { fault };
}

/** A request that the server turned down: its status, never what its exception said. */
export const refused = (method: string, status: number): Fault =>
  new Fault("harness.refused", {
    detail: `OpenCode answered ${method} with the HTTP status ${status}.`,
    help: "Prompt again; the server's own log says more.",
    more: { method, httpStatus: status },
  });
