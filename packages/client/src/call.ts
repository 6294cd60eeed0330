/** Calls the operations of the contract over fetch: addresses, bodies, keys, answers, faults, and patience with a daemon that restarts. */
import {
  type AnswerOf,
  type Call,
  type Contract,
  contract,
  type Fault,
  fromProblem,
  isFault,
  type Operation,
  type OperationName,
} from "@corral/protocol";
import { addressOf, makeKey, type Parts, parseJson, reaching } from "./request.ts";
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

export interface WireNeed {
  readonly url: string;
  readonly token: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly signal: AbortSignal | undefined;
  readonly sleep: Sleep;
}

interface Opening {
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
}

export interface Wire {
  readonly call: CallFunction;
  /** One try, whose body is left to be read. */
  open(name: OperationName, parts: Parts, request: Opening): Promise<Response>;
  /** Whether a daemon has ever answered; one that never did is not worth waiting for. */
  reached(): boolean;
  readonly url: string;
  readonly sleep: Sleep;
  readonly signal: AbortSignal | undefined;
}

/** For a daemon that restarts: six tries within 31 s, and no seventh. */
const defaultPatienceMs = 60_000;
const passing = new Set(["daemon.unreachable", "daemon.stopping", "store.closed"]);

interface Patience {
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
  /** How long to wait in all; asked after each failure. */
  readonly patienceMs: () => number;
}

async function patiently<Value>(work: () => Promise<Value>, { sleep, signal, patienceMs }: Patience): Promise<Value> {
  const pace = backOff();
  signal.throwIfAborted();
  for (let waitedMs = 0; ; ) {
    try {
      return await work();
    } catch (error) {
      const delayMs = pace.next();
      waitedMs += delayMs;
      if (!isFault(error) || !passing.has(error.code) || waitedMs > patienceMs()) throw error;
      await sleep(delayMs, { signal });
    }
  }
}

const headersOf = (one: Operation, { body }: Parts, { key }: CallOptions): Record<string, string> => ({
  accept: "application/json",
  ...(body === undefined ? {} : { "content-type": "application/json" }),
  ...(one.idempotent ? { "idempotency-key": key ?? makeKey() } : {}),
});

export function createWire(need: WireNeed): Wire {
  const { url, token, sleep } = need;
  // Made here, so that a token that no header can carry is told at once, and names differ in more than their case.
  const always = new Headers({ ...need.headers });
  if (token) always.set("authorization", `Bearer ${token}`);
  const ownHeaders = Object.fromEntries(always);
  let reached = false;

  function send(one: Operation, parts: Parts, headers: Record<string, string>, signal: AbortSignal) {
    const address = url + addressOf(one, parts);
    const init: RequestInit = {
      method: one.method,
      headers: { ...ownHeaders, ...headers },
      signal,
      ...(parts.body === undefined ? {} : { body: JSON.stringify(parts.body) }),
    };
    return reaching(url, signal, () => need.fetch(address, init));
  }

  function refused(status: number, text: string): Fault {
    const fault = fromProblem(status, parseJson(text));
    if (fault.code !== "daemon.unreachable") reached = true;
    return fault;
  }

  async function once(one: Operation, parts: Parts, headers: Record<string, string>, signal: AbortSignal) {
    const response = await send(one, parts, headers, signal);
    const text = await reaching(url, signal, () => response.text());
    const answer = parseJson(text);
    if (!response.ok || (answer === undefined && one.answer !== undefined)) throw refused(response.status, text);
    reached = true;
    return answer;
  }

  async function call(name: OperationName, parts: Parts = {}, options: CallOptions = {}): Promise<unknown> {
    const one: Operation = contract[name];
    const signal = anySignal(need.signal, options.signal);
    const headers = headersOf(one, parts, options);
    const patienceMs = () => options.patienceMs ?? (reached ? defaultPatienceMs : 0);
    return patiently(() => once(one, parts, headers, signal), { sleep, signal, patienceMs });
  }

  async function openStream(name: OperationName, parts: Parts, { headers, signal }: Opening): Promise<Response> {
    const response = await send(contract[name], parts, headers, signal);
    const wanted = response.headers.get("content-type")?.startsWith(headers.accept ?? "") ?? false;
    if (!response.ok || !wanted) throw refused(response.status, await reaching(url, signal, () => response.text()));
    reached = true;
    return response;
  }

  return { call: call as CallFunction, open: openStream, reached: () => reached, url, sleep, signal: need.signal };
}
