/** Somebody who follows a session over a bad road, comes and goes as chance wants it, and keeps the text of every event. */
import { type Corral, connect, isFault } from "@corral/client";
import { type Clock, sleep } from "@corral/kernel";
import { Fault, type FaultCode, faults, type SessionId, streamMediaTypes } from "@corral/protocol";
import type { Chance } from "../seeded.ts";
import type { Account } from "./compare.ts";

export const ways = ["sse", "ndjson", "pages"] as const;
export type Way = (typeof ways)[number];

export interface FollowerNeed {
  readonly who: string;
  readonly way: Way;
  readonly url: string;
  readonly token: string;
  readonly session: SessionId;
  /** The cursor after which it wants to be told. */
  readonly after: number;
  readonly chance: Chance;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A visit ends with the session, or before it. */
type Visit = (visitor: Visitor) => Promise<"over" | "again">;

/** A client's time passes faster than ours: what it would wait for seconds it waits for tenths of them. */
const haste = 10;
const pauseMs = 40;

export class Visitor {
  readonly need: FollowerNeed;
  readonly corral: Corral;
  readonly texts: string[] = [];
  visits = 0;

  constructor(need: FollowerNeed) {
    const { url, token, clock, signal } = need;
    this.need = need;
    this.corral = connect({
      url,
      token,
      signal,
      sleep: (delayMs, options) => sleep(clock, delayMs / haste, options),
    });
  }

  get cursor(): number {
    return this.need.after + this.texts.length;
  }

  get account(): Account {
    const { who, after } = this.need;
    return { who, after, texts: this.texts };
  }

  /** Comes and goes until the session is over. */
  async stay(): Promise<this> {
    const { way, chance, clock, signal } = this.need;
    for (;;) {
      this.visits += 1;
      const came = await this.#visit(visitBy[way]);
      if (came === "over") return this;
      // Sometimes it has forgotten what it was told last, and asks for it once more.
      if (this.texts.length > 0 && chance.maybe(0.2))
        this.texts.length -= chance.below(Math.min(40, this.texts.length));
      await sleep(clock, chance.below(pauseMs), { signal });
    }
  }

  async #visit(visit: Visit): Promise<"over" | "again"> {
    try {
      return await visit(this);
    } catch (error) {
      this.need.signal.throwIfAborted();
      if (isFault(error) && faults[error.code].retry === "never") throw error;
      return "again"; // The road was cut, which is what it is for.
    }
  }
}

/** After so many events of one visit it leaves in the middle of things. */
const patienceOf = ({ need: { chance } }: Visitor): number =>
  chance.maybe(0.5) ? chance.spread(1, 300) : Number.POSITIVE_INFINITY;

const bySdk: Visit = async (visitor) => {
  const { session, signal } = visitor.need;
  let left = patienceOf(visitor);
  const held = await visitor.corral.sessions.get(session, { patienceMs: 600_000 });
  const onResync = () => {
    throw new Error(`${visitor.need.who} was told that events had been trimmed`);
  };
  for await (const event of held.events({ after: visitor.cursor, signal, onResync })) {
    visitor.texts.push(JSON.stringify(event));
    left -= 1;
    if (left <= 0) return "again";
  }
  return "over";
};

function fromStatus(status: number, text: string): Error {
  const code = (/"code":"([a-z_.]+)"/.exec(text)?.[1] ?? "daemon.unreachable") as FaultCode;
  return new Fault(code, { detail: `The stream was refused with ${status}: ${text.slice(0, 200)}` });
}

/** Whole lines; what a cut leaves of the last one is dropped. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    yield* lines.filter((line) => line !== "");
  }
}

const byNdjson: Visit = async (visitor) => {
  const { url, token, session, signal, chance } = visitor.need;
  const leave = new AbortController();
  const headers = { accept: streamMediaTypes.ndjson, authorization: `Bearer ${token}` };
  const asked = chance.maybe(0.5) ? { "last-event-id": String(visitor.cursor) } : {};
  const query = "last-event-id" in asked ? "" : `?after=${visitor.cursor}`;
  const answer = await fetch(`${url}/v1/sessions/${session}/events${query}`, {
    headers: { ...headers, ...asked },
    signal: AbortSignal.any([signal, leave.signal]),
  });
  if (!answer.ok || !answer.body) throw fromStatus(answer.status, await answer.text());
  let left = patienceOf(visitor);
  for await (const line of linesOf(answer.body)) {
    if (line.startsWith('{"type":"stream.end"')) return line.includes("daemon.stopping") ? "again" : "over";
    visitor.texts.push(line);
    left -= 1;
    if (left > 0) continue;
    leave.abort(new Error("it leaves"));
    return "again";
  }
  return "again";
};

const byPages: Visit = async (visitor) => {
  const { session, chance, signal } = visitor.need;
  const query = {
    after: String(visitor.cursor),
    limit: String(chance.spread(1, 1_000)),
    waitMs: String(chance.below(2_000)),
  };
  const page = await visitor.corral.call("readEvents", { params: { session }, query }, { signal, patienceMs: 0 });
  for (const event of page.items) visitor.texts.push(JSON.stringify(event));
  return page.items.at(-1)?.type === "session.closed" ? "over" : "again";
};

const visitBy: Readonly<Record<Way, Visit>> = { sse: bySdk, ndjson: byNdjson, pages: byPages };
