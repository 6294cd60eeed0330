/** Calls the operations of the contract over fetch: addresses, bodies, keys, answers, faults, and patience with a daemon that restarts. */
import {
  type AnswerOf,
  type Call,
  type Contract,
  contract,
  Fault,
  fromProblem,
  isFault,
  type Operation,
  type OperationName,
} from "@corral/protocol";
import { anySignal, backOff, type Sleep } from "./sleep.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** The name of a request that makes something; a retry under it gets the first answer. Made up when absent. */
  readonly key?: string;
  /** How long to wait, in all, for a daemon that cannot be reached. */
  readonly patienceMs?: number;
}

/** What an operation is called with; nothing at all where it takes nothing. */
export type CallOf<Name extends OperationName> = keyof Call<Contract[Name]> extends never
  ? Record<string, never>
  : Call<Contract[Name]>;

/** An operation with nothing that must be given can be called with nothing. */
export type CallRest<Name extends OperationName> =
  Record<never, never> extends CallOf<Name>
    ? [call?: CallOf<Name>, options?: CallOptions]
    : [call: CallOf<Name>, options?: CallOptions];

export type CallFunction = <Name extends OperationName>(
  name: Name,
  ...rest: CallRest<Name>
) => Promise<AnswerOf<Contract[Name]>>;

interface Parts {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

export interface WireNeed {
  readonly url: string;
  readonly token: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly signal: AbortSignal | undefined;
  readonly sleep: Sleep;
}

export interface Wire {
  readonly call: CallFunction;
  /** One try, whose body is left to be read. */
  open(
    name: OperationName,
    parts: Parts,
    request: { headers: Record<string, string>; signal: AbortSignal },
  ): Promise<Response>;
  /** Whether a daemon has ever answered; one that never did is not worth waiting for. */
  reached(): boolean;
  readonly url: string;
  readonly sleep: Sleep;
  readonly signal: AbortSignal | undefined;
}

/** Sent again for a daemon that comes back; everything that it may take 31 s to come back from. */
const defaultPatienceMs = 60_000;
const passing = new Set(["daemon.unreachable", "daemon.stopping", "store.closed"]);

export const unreachable = (url: string, detail: string, cause?: unknown): Fault =>
  new Fault("daemon.unreachable", {
    detail,
    help: `Start the daemon with \`corral serve\`, or check that its address is ${url}.`,
    ...(cause === undefined ? {} : { cause }),
  });

/** A step that is empty or dots would lead to another route. */
function step(name: string, text: string | undefined): string {
  if (text !== undefined && !/^\.{0,2}$/.test(text)) return encodeURIComponent(text);
  throw new Fault("request.invalid", {
    detail: `"${text ?? ""}" cannot be a ${name}.`,
    help: "Give the id that the daemon gave.",
  });
}

function addressOf({ path }: Operation, { params, query }: Parts): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => step(name, params?.[name]));
  const asked = Object.entries(query ?? {}).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return asked.length === 0 ? filled : `${filled}?${new URLSearchParams(asked)}`;
}

/** 16 bytes of chance; `crypto.randomUUID` is missing on pages that came over plain http. */
const makeKey = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not JSON is not Corral's: fromProblem says so.
  }
}

export function createWire(need: WireNeed): Wire {
  const { url, token, sleep } = need;
  let reached = false;

  async function send(one: Operation, parts: Parts, headers: Record<string, string>, signal: AbortSignal) {
    const init: RequestInit = {
      method: one.method,
      headers: { ...need.headers, ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
      signal,
      ...(parts.body === undefined ? {} : { body: JSON.stringify(parts.body) }),
    };
    const address = url + addressOf(one, parts);
    return lost(signal, () => need.fetch(address, init));
  }

  /** What a broken connection throws differs from platform to platform; here it is one fault. */
  async function lost<Value>(signal: AbortSignal, work: () => Promise<Value>): Promise<Value> {
    try {
      return await work();
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw unreachable(url, `No answer came from ${url}.`, cause);
    }
  }

  function refused(status: number, text: string): Fault {
    const fault = fromProblem(status, parseJson(text));
    if (fault.code !== "daemon.unreachable") reached = true;
    return fault;
  }

  async function once(one: Operation, parts: Parts, headers: Record<string, string>, signal: AbortSignal) {
    const response = await send(one, parts, headers, signal);
    const text = await lost(signal, () => response.text());
    const answer = parseJson(text);
    if (!response.ok || (answer === undefined && one.answer !== undefined)) throw refused(response.status, text);
    reached = true;
    return answer;
  }

  async function call(name: OperationName, parts: Parts = {}, options: CallOptions = {}): Promise<unknown> {
    const one: Operation = contract[name];
    const signal = anySignal(need.signal, options.signal);
    const headers = {
      accept: "application/json",
      ...(parts.body === undefined ? {} : { "content-type": "application/json" }),
      ...(one.idempotent ? { "idempotency-key": options.key ?? makeKey() } : {}),
    };
    const pace = backOff();
    signal.throwIfAborted();
    for (let waitedMs = 0; ; ) {
      try {
        return await once(one, parts, headers, signal);
      } catch (error) {
        const patienceMs = options.patienceMs ?? (reached ? defaultPatienceMs : 0);
        const delayMs = pace.next();
        if (!isFault(error) || !passing.has(error.code) || waitedMs + delayMs > patienceMs) throw error;
        await sleep(delayMs, { signal });
        waitedMs += delayMs;
      }
    }
  }

  return {
    call: call as CallFunction,
    async open(name, parts, { headers, signal }) {
      const response = await send(contract[name], parts, headers, signal);
      const wanted = response.headers.get("content-type")?.startsWith(headers.accept ?? "") ?? false;
      if (!response.ok || !wanted) throw refused(response.status, await lost(signal, () => response.text()));
      reached = true;
      return response;
    },
    reached: () => reached,
    url,
    sleep,
    signal: need.signal,
  };
}
