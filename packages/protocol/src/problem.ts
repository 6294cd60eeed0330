/** A fault on the wire: an RFC 9457 problem document, made from a fault and read back into one. */
import { z } from "zod";
import { Fault, type FaultCode, faults, isFaultCode } from "./fault.ts";

export const problemSchema = z
  .looseObject({
    type: z.string().meta({ example: "urn:corral:fault:session.missing" }),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional().describe("Why it happened."),
    help: z.string().optional().describe("What the reader can do about it."),
    code: z.string().meta({ example: "session.missing" }),
    retry: z.enum(["never", "later", "now"]),
    instance: z.string().optional().describe("The id of this occurrence, for the daemon's log."),
  })
  .meta({ id: "Problem" });
export type Problem = z.infer<typeof problemSchema>;

export function toProblem(fault: Fault, occurrence?: string): Problem {
  const { title, status, retry } = faults[fault.code];
  return {
    ...fault.more,
    type: `urn:corral:fault:${fault.code}`,
    title,
    status,
    code: fault.code,
    retry,
    detail: fault.message,
    ...(fault.help === undefined ? {} : { help: fault.help }),
    ...(occurrence === undefined ? {} : { instance: occurrence }),
  };
}

/** The nearest that this release has to a refusal that it does not know. */
const unheard = (status: number): FaultCode =>
  status >= 500 || status < 400 ? "daemon.unreachable" : "request.invalid";

/** What a client makes of an answer that is not a success, whoever sent it. */
export function fromProblem(status: number, body: unknown): Fault {
  const parsed = problemSchema.safeParse(body);
  if (parsed.success) {
    const { type: _type, title, status: _status, code, retry: _retry, detail, help, ...more } = parsed.data;
    const known = isFaultCode(code);
    return new Fault(known ? code : unheard(status), {
      detail: detail ?? title,
      ...(help ? { help } : {}),
      ...(known ? (Object.keys(more).length > 0 ? { more } : {}) : { more: { ...more, code, status } }),
    });
  }
  return new Fault(unheard(status), {
    detail: `The answer had status ${status} and is not one of Corral's.`,
    help: "Check that the address is that of a Corral daemon and that no proxy stands between.",
    more: { status },
  });
}
