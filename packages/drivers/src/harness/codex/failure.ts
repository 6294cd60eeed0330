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
function bodyIn(message: string): Frame {
  try {
    const body: unknown = JSON.parse(message);
    return isFrame(body) && isFrame(body.error) ? body.error : {};
  } catch {
    return {}; // It is a sentence already.
  }
}

/** What the model server itself called it. */
const modelError = ({ type, code }: Frame): Frame => {
  const known = Object.entries({ type, code }).filter(([, value]) => typeof value === "string");
  return known.length > 0 ? { modelError: Object.fromEntries(known) } : {};
};

export function failure(error: unknown): Fault {
  const { message, codexErrorInfo, additionalDetails } = isFrame(error) ? error : {};
  const said = typeof message === "string" && message !== "" ? message : "Codex gave no reason.";
  const body = bodyIn(said);
  return new Fault("harness.refused", {
    detail: typeof body.message === "string" ? body.message : said,
    help: "Look at the reason and the HTTP status in the fault; then prompt again.",
    more: {
      method: "turn/start",
      ...kindOf(codexErrorInfo ?? "other"),
      ...modelError(body),
      ...(typeof additionalDetails === "string" ? { details: additionalDetails } : {}),
    },
  });
}
