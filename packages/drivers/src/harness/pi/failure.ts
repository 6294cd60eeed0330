/** Why a turn of Pi failed, so that a program can read it: the HTTP status where there was one, and what the model server said. */
import { type Frame, isFrame } from "@corral/kernel";
import { Fault } from "@corral/protocol";

/** Most errors are a status and, behind it, the body of the model server's answer. */
function bodyIn(said: string): Frame {
  try {
    const body: unknown = JSON.parse(said.slice(said.indexOf("{")));
    if (!isFrame(body)) return {};
    return isFrame(body.error) ? body.error : body;
  } catch {
    return {}; // It is a sentence already.
  }
}

export function failure(error: string): Fault {
  const status = /^\D{0,20}\b([45]\d\d)\b/.exec(error)?.[1];
  const { message, type, code } = bodyIn(error);
  const known = Object.entries({ type, code }).filter(([, value]) => typeof value === "string");
  return new Fault("harness.refused", {
    detail: typeof message === "string" && message !== "" ? message : error,
    help: "Look at the HTTP status and the model server's error in the fault; then prompt again.",
    more: {
      method: "prompt",
      ...(status === undefined ? {} : { httpStatus: Number(status) }),
      ...(known.length > 0 ? { modelError: Object.fromEntries(known) } : {}),
    },
  });
}
