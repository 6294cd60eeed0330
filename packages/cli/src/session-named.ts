/** Finds the session that a person means: by its id, or `last` for the newest. */
import type { Corral } from "@corral/client";
import { Fault, isId, type Session, type SessionId } from "@corral/protocol";

async function newestSession(corral: Corral): Promise<Session | undefined> {
  const { items } = await corral.call("listSessions", { query: { limit: "1" } });
  return items[0];
}

export async function sessionNamed(corral: Corral, name: string): Promise<SessionId> {
  if (isId("session", name)) return name;
  if (name !== "last") {
    throw new Fault("request.invalid", {
      detail: `"${name}" is not the id of a session`,
      help: "An id looks like ses_ and 26 letters; `corral sessions ls` lists them, and `last` is the newest.",
    });
  }
  const newest = await newestSession(corral);
  if (newest) return newest.id;
  throw new Fault("session.missing", { detail: "There are no sessions yet", help: 'Open one: corral run "Say hello"' });
}

/** Every session, the newest first. */
export async function* allSessions(corral: Corral): AsyncGenerator<Session> {
  let after: SessionId | undefined;
  do {
    const query = { limit: "200", ...(after === undefined ? {} : { after }) };
    const { items, next } = await corral.call("listSessions", { query });
    yield* items;
    after = next as SessionId | undefined;
  } while (after !== undefined);
}
