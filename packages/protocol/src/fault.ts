/** Every refusal that Corral can give, as one closed list, and the error that carries one of them. */

export type Retry = "never" | "later" | "now";

interface FaultKind {
  readonly status: number;
  readonly retry: Retry;
  /** What happened, in a few words; the detail of a single fault says why. */
  readonly title: string;
}

export const faults = {
  "request.malformed": { status: 400, retry: "never", title: "The request body is not valid JSON" },
  "request.invalid": { status: 400, retry: "never", title: "The request does not have the expected shape" },
  "request.too_large": { status: 413, retry: "never", title: "The request body is too large" },
  "request.media_type": { status: 415, retry: "never", title: "The request body has an unsupported media type" },
  "request.not_acceptable": { status: 406, retry: "never", title: "None of the accepted media types can be produced" },
  "request.key_reused": { status: 409, retry: "never", title: "The idempotency key was used for another request" },
  "route.missing": { status: 404, retry: "never", title: "There is no such route" },
  "route.method": { status: 405, retry: "never", title: "The route does not take this method" },
  "auth.required": { status: 401, retry: "never", title: "A valid bearer token is required" },
  "auth.host": { status: 403, retry: "never", title: "The Host header names another server" },
  "auth.origin": { status: 403, retry: "never", title: "Requests from this origin are not allowed" },
  "agent.missing": { status: 404, retry: "never", title: "There is no such agent" },
  "agent.cannot": { status: 409, retry: "never", title: "The agent cannot do this" },
  "agent.not_installed": { status: 404, retry: "later", title: "The agent is not installed" },
  "agent.install": { status: 502, retry: "later", title: "The agent could not be installed" },
  "agent.in_use": { status: 409, retry: "later", title: "Sessions use the agent" },
  "agent.unusable": { status: 502, retry: "never", title: "The program cannot be tried as an agent" },
  "agent.options": { status: 400, retry: "never", title: "The agent does not take these options" },
  "session.missing": { status: 404, retry: "never", title: "There is no such session" },
  "session.closed": { status: 409, retry: "never", title: "The session is closed" },
  "session.phase": { status: 409, retry: "later", title: "The session's phase does not allow this" },
  "session.queue_full": { status: 429, retry: "later", title: "The session's queue of prompts is full" },
  "turn.missing": { status: 404, retry: "never", title: "There is no such turn" },
  "turn.ended": { status: 409, retry: "never", title: "The turn has already ended" },
  "turn.deadline": { status: 504, retry: "now", title: "The turn took longer than its deadline" },
  "turn.lost": { status: 500, retry: "now", title: "The daemon died while the turn was running" },
  "turn.secrets_lost": { status: 409, retry: "later", title: "The session's secrets are gone with the last daemon" },
  "ask.missing": { status: 404, retry: "never", title: "There is no such ask" },
  "ask.settled": { status: 409, retry: "never", title: "The ask was answered before" },
  "ask.answer": { status: 400, retry: "never", title: "The answer does not fit the ask" },
  "cursor.ahead": { status: 400, retry: "never", title: "The cursor is beyond the end of the log" },
  "stream.broken": { status: 502, retry: "never", title: "The stream of events is not whole" },
  "workspace.missing": { status: 400, retry: "never", title: "The workspace directory does not exist" },
  "workspace.escape": { status: 403, retry: "never", title: "The path leaves the workspace" },
  "file.missing": { status: 404, retry: "never", title: "There is no such file" },
  "file.refused": { status: 409, retry: "never", title: "The file cannot be read or written" },
  "harness.start": { status: 502, retry: "now", title: "The harness did not start" },
  "harness.crashed": { status: 502, retry: "now", title: "The harness died" },
  "harness.crash_loop": { status: 503, retry: "later", title: "The harness died too often to be launched again" },
  "harness.refused": { status: 502, retry: "later", title: "The harness answered with an error" },
  "harness.stalled": { status: 504, retry: "now", title: "The harness stopped answering" },
  "harness.protocol": { status: 502, retry: "never", title: "The harness does not speak the protocol" },
  "process.start": { status: 502, retry: "later", title: "The program could not be started" },
  "store.conflict": { status: 409, retry: "now", title: "Another writer appended first" },
  "store.locked": { status: 409, retry: "later", title: "Another daemon uses this state directory" },
  "store.full": { status: 507, retry: "later", title: "The disk is full" },
  "store.read_only": { status: 503, retry: "later", title: "The state directory cannot be written" },
  "store.damaged": { status: 500, retry: "never", title: "The store is damaged" },
  "store.newer": { status: 409, retry: "never", title: "The store was written by a newer release" },
  "store.closed": { status: 503, retry: "later", title: "The store is closed" },
  "daemon.stopping": { status: 503, retry: "later", title: "The daemon is stopping" },
  "daemon.unreachable": { status: 503, retry: "later", title: "The daemon cannot be reached" },
  "daemon.listen": { status: 500, retry: "never", title: "The daemon cannot listen there" },
  "config.invalid": { status: 400, retry: "never", title: "The configuration is not valid" },
  "story.invalid": { status: 400, retry: "never", title: "The story is not valid" },
  internal: { status: 500, retry: "later", title: "Something unexpected happened" },
} as const satisfies Record<string, FaultKind>;

export type FaultCode = keyof typeof faults;

/** One shape for a fault wherever it is written down: in an event, in a problem document, in a terminal. */
export interface FaultRecord {
  readonly code: FaultCode;
  readonly detail: string;
  readonly help?: string;
  readonly more?: Readonly<Record<string, unknown>>;
}

export interface FaultDetail {
  /** Why it happened. */
  readonly detail: string;
  /** What the reader can do about it. */
  readonly help?: string;
  /** Facts for machines, such as an exit code or the paths of invalid fields. */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class Fault extends Error {
  readonly code: FaultCode;
  readonly help: string | undefined;
  readonly more: Readonly<Record<string, unknown>> | undefined;

  constructor(code: FaultCode, { detail, help, more, cause }: FaultDetail) {
    super(detail, { cause });
    this.name = "Fault";
    this.code = code;
    this.help = help;
    this.more = more;
  }

  get status(): number {
    return faults[this.code].status;
  }

  get retry(): Retry {
    return faults[this.code].retry;
  }

  toRecord(): FaultRecord {
    return {
      code: this.code,
      detail: this.message,
      ...(this.help === undefined ? {} : { help: this.help }),
      ...(this.more === undefined ? {} : { more: this.more }),
    };
  }
}

export const isFault = (thing: unknown, code?: FaultCode): thing is Fault =>
  thing instanceof Fault && (code === undefined || thing.code === code);

export const isFaultCode = (text: string): text is FaultCode => Object.hasOwn(faults, text);
