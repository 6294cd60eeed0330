/** Why a turn of Codex failed, so that a program can read it: its own kind of error, and the HTTP status where there was one. */
import { type Frame, isFrame } from "@corral/kernel";
import { Fault } from "@corral/protocol";

/** Codex names a kind by a word, or by a word with what is known beside it. */
function kindOf(told: unknown): Frame {
  if (typeof told === "string") return { reason: told };
  const [reason, known] = Object.entries(isFrame(told) ? told : {})[0] ?? ["other"];
  const status = isFrame(known) ? known.httpStatusCode : undefined;
  return { reason, ...(typeof status === "number" ? { httpStatus: status } : {}) };
}

/** Some messages are the body of the model server's answer as it came. */
function readable(message: string): string {
  try {
    const body: unknown = JSON.parse(message);
    const error = isFrame(body) && isFrame(body.error) ? body.error : body;
    return isFrame(error) && typeof error.message === "string" ? error.message : message;
  } catch {
    return message; // It is a sentence already.
  }
}

export function failure(error: unknown): Fault {
  const { message, codexErrorInfo, additionalDetails } = isFrame(error) ? error : {};
  return new Fault("harness.refused", {
    detail: typeof message === "string" && message !== "" ? readable(message) : "Codex gave no reason.",
    help: "Look at the reason and the HTTP status in the fault; then prompt again.",
    more: {
      method: "turn/start",
      ...kindOf(codexErrorInfo ?? "other"),
      ...(typeof additionalDetails === "string" ? { details: additionalDetails } : {}),
    },
  });
}
