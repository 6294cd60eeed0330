/** The pieces of one request: its address, its key, its answer, and the fault when none comes. */
import { Fault, type Operation } from "@corral/protocol";

/** What an operation is called with, after the types have done their work. */
export interface Parts {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

export const unreachable = (url: string, detail: string, cause?: unknown): Fault =>
  new Fault("daemon.unreachable", {
    detail,
    help: `Start the daemon with \`corral serve\`, or check that its address is ${url}.`,
    ...(cause === undefined ? {} : { cause }),
  });

/** What a broken connection throws differs from platform to platform; here it is one fault. */
export async function reaching<Value>(url: string, signal: AbortSignal, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw unreachable(url, `No answer came from ${url}.`, cause);
  }
}

/** A step that is empty or dots would lead to another route. */
function step(name: string, text: string | undefined): string {
  if (text !== undefined && !/^\.{0,2}$/.test(text)) return encodeURIComponent(text);
  throw new Fault("request.invalid", {
    detail: `"${text ?? ""}" cannot be a ${name}.`,
    help: "Give the id that the daemon gave.",
  });
}

export function addressOf({ path }: Operation, { params, query }: Parts): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => step(name, params?.[name]));
  const asked = Object.entries(query ?? {}).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return asked.length === 0 ? filled : `${filled}?${new URLSearchParams(asked)}`;
}

/** 16 bytes of chance; `crypto.randomUUID` is missing on pages that came over plain http. */
export const makeKey = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not JSON is not Corral's: fromProblem says so.
  }
}
