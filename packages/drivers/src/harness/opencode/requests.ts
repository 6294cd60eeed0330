/** The few requests that a session makes of an OpenCode server. */
import type { Clock, Server } from "@corral/kernel";
import { Fault } from "@corral/protocol";
import { z } from "zod";
import { refused } from "./failure.ts";

/** Where the server is, and for which directory it is asked. */
export interface Reach {
  readonly server: Pick<Server, "url" | "headers">;
  readonly clock: Clock;
  readonly directory: string;
}

/** No request waits for a model; what takes longest is the first one for a directory on a machine that has much else to do. */
const requestLimitMs = 50_000;

const conversation = z.object({ id: z.string() });
const agents = z.array(z.object({ name: z.string(), mode: z.string(), hidden: z.boolean().optional() }));
/** Told with their keys; nothing else is taken than their names. */
const providers = z.object({
  providers: z.array(
    z.object({ id: z.string(), models: z.record(z.string(), z.object({ id: z.string(), name: z.string() })) }),
  ),
  default: z.record(z.string(), z.string()),
});

type Providers = z.infer<typeof providers>;

interface Asked {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: object;
}

const slow = (path: string): Fault =>
  new Fault("harness.stalled", {
    detail: `OpenCode did not answer ${path} within ${requestLimitMs / 1000} s.`,
    help: "Prompt again; when this goes on, end the session's harness.",
  });

const unreachable = (path: string, cause: unknown): Fault =>
  new Fault("harness.crashed", {
    detail: `OpenCode's server went away while it was asked for ${path}.`,
    help: "Prompt again: the session goes on with a fresh server.",
    cause,
  });

async function send({ server, clock, directory }: Reach, { method, path, body }: Asked): Promise<Response> {
  const over = new AbortController();
  const takeBack = clock.after(requestLimitMs, () => over.abort());
  try {
    const headers = { ...server.headers, "x-opencode-directory": encodeURIComponent(directory) };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(new URL(path, server.url), {
      method,
      headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
      signal: over.signal,
      redirect: "error",
      ...sent,
    });
    // Read to its end, within the same bound.
    return new Response(response.status === 204 ? null : await response.arrayBuffer(), { status: response.status });
  } catch (cause) {
    throw over.signal.aborted ? slow(path) : unreachable(path, cause);
  } finally {
    takeBack();
  }
}

function parsed(written: string): unknown {
  try {
    return JSON.parse(written);
  } catch {
    return undefined; // What is no JSON has no shape that is known either.
  }
}

async function read<Answer>(reach: Reach, asked: Asked, schema: z.ZodType<Answer>): Promise<Answer> {
  const response = await send(reach, asked);
  if (!response.ok) throw refused(asked.path, response.status);
  const answer = schema.safeParse(parsed(await response.text()));
  if (answer.success) return answer.data;
  throw new Fault("harness.protocol", {
    detail: `OpenCode answered ${asked.path} in a shape that Corral does not know.`,
    help: "Use the release of OpenCode that this Corral names.",
  });
}

/** Sends what needs no answer; false when there is no such thing any more. */
async function tell(reach: Reach, asked: Asked): Promise<boolean> {
  const { ok, status } = await send(reach, asked);
  if (!ok && status !== 404) throw refused(asked.path, status);
  return ok;
}

const at = (...parts: readonly string[]): string => `/${parts.map(encodeURIComponent).join("/")}`;

export interface Requests {
  create(): Promise<string>;
  exists(native: string): Promise<boolean>;
  /** Absent when the conversation is not known. */
  fork(native: string): Promise<string | undefined>;
  remove(native: string): Promise<void>;
  prompt(native: string, prompt: object): Promise<void>;
  abort(native: string): Promise<void>;
  answer(permission: string, reply: string): Promise<void>;
  /** Whoever asks in a way that is not answered is told so. */
  reject(question: string): Promise<void>;
  /** The names of the agents that a person may choose. */
  agents(): Promise<readonly string[]>;
  providers(): Promise<Providers>;
}

export function requests(reach: Reach): Requests {
  const post = (path: string, body: object = {}): Asked => ({ method: "POST", path, body });
  return {
    create: async () => (await read(reach, post("/session"), conversation)).id,
    exists: (native) => tell(reach, { method: "GET", path: at("session", native) }),
    async fork(native) {
      if (!(await tell(reach, { method: "GET", path: at("session", native) }))) return undefined;
      return (await read(reach, post(at("session", native, "fork")), conversation)).id;
    },
    remove: async (native) => void (await tell(reach, { method: "DELETE", path: at("session", native) })),
    async prompt(native, prompt) {
      const path = at("session", native, "prompt_async");
      if (!(await tell(reach, post(path, prompt)))) throw refused(path, 404);
    },
    abort: async (native) => void (await tell(reach, post(at("session", native, "abort")))),
    answer: async (permission, reply) =>
      void (await tell(reach, post(at("permission", permission, "reply"), { reply }))),
    reject: async (question) => void (await tell(reach, post(at("question", question, "reject")))),
    async agents() {
      const all = await read(reach, { method: "GET", path: "/agent" }, agents);
      return all.filter(({ mode, hidden }) => mode !== "subagent" && !hidden).map(({ name }) => name);
    },
    providers: () => read(reach, { method: "GET", path: "/config/providers" }, providers),
  };
}
