/** One request and its answer, with the line that the journal keeps of them. */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ModelClock } from "./clock.ts";
import type { Journal, Note } from "./journal.ts";
import { authorizationOf } from "./journal.ts";
import { type ModelReply, toolsIn } from "./reply.ts";
import type { Asked, Chooser } from "./story/choose.ts";

/** What the server holds for all requests. */
export interface Stage {
  readonly clock: ModelClock;
  readonly journal: Journal;
  /** The story that is played now. */
  now(): { readonly chooser: Chooser; readonly models: readonly string[] };
  /** An id that no other reply has, neither of this server nor of one before it. */
  nextId(): string;
}

export interface Exchange {
  readonly stage: Stage;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly note: Note;
  /** Aborted when the connection is closed, by whomever. */
  readonly gone: AbortSignal;
  /** The reply that is being sent, if there is one. */
  sends(reply: ModelReply): void;
  /** Told when it is us who break the answer off. */
  cuts(): void;
}

interface Opening {
  readonly stage: Stage;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly address: URL;
}

export const isoNow = (clock: ModelClock): string => new Date(clock.now()).toISOString();

export function openExchange({ stage, request, response, address }: Opening): Exchange {
  const { clock, journal } = stage;
  const authorization = authorizationOf(request.headers, address.searchParams);
  const [method, path] = [request.method ?? "GET", address.pathname];
  const first = { at: isoNow(clock), method, path };
  const note = journal.open(authorization === undefined ? first : { ...first, authorization });
  const gone = new AbortController();
  let sent: ModelReply | undefined;
  let cut = false;
  response.once("close", () => {
    gone.abort();
    const whole = response.writableFinished;
    const status = response.headersSent ? { status: response.statusCode } : {};
    const told = sent?.ending.is === "stop" && whole ? { usage: sent.usage } : {};
    note({ ...status, ...told, aborted: !whole && !cut, endedAt: isoNow(clock) });
  });
  const sends = (reply: ModelReply) => {
    sent = reply;
    note({ calls: toolsIn(reply).map(({ name }) => name) });
  };
  const cuts = () => {
    cut = true;
  };
  return { stage, request, response, path, note, gone: gone.signal, sends, cuts };
}

/** How much of a text the journal keeps. */
const longest = 2_000;
const longestUserText = 8_000;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 12);

export function noteAsked(note: Note, { request, prompt }: Asked): void {
  const { model, stream, tools, imageCount, effort, system, messages } = request;
  const userTexts = messages.filter(({ role }) => role === "user").map(({ text }) => text);
  note({
    model,
    stream,
    imageCount,
    purpose: prompt.purpose,
    userMessages: prompt.userMessages,
    prompt: prompt.text.slice(0, longest),
    userText: userTexts.join("\n").slice(-longestUserText),
    systemSha256: sha256(system),
    toolResults: prompt.toolResults,
    tools: tools.map(({ name }) => name),
    ...(effort === undefined ? {} : { effort }),
    ...(prompt.toolResults === 0 ? {} : { toolText: prompt.toolText.slice(0, longest) }),
  });
}
