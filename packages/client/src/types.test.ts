/** Calls that the contract does not know do not compile. */
import type { OperationName, Session as SessionState, Turn } from "@corral/protocol";
import { expectTypeOf, test } from "vitest";
import { connect } from "./connect.ts";

const params = { session: "ses_01k9w3x5v7e8r2t4y6p8a0s1d3" };

/** Never run: what matters is that the type checker goes through it. */
export async function calls(): Promise<void> {
  const { call, sessions } = connect();
  await call("readHealth");
  await call("listSessions", { query: { limit: "3" } });
  await call("openSession", { body: { agent: "scripted", policy: { permissions: "allow" } } });
  await call("startTurn", { params, body: { prompt: "Hi" } });
  // @ts-expect-error an operation that is not in the contract
  await call("closeSession", { params });
  // @ts-expect-error a body where none is taken
  await call("readHealth", { body: {} });
  // @ts-expect-error parameters are missing
  await call("readSession");
  // @ts-expect-error the body is missing
  await call("startTurn", { params });
  // @ts-expect-error a prompt is a text or blocks
  await call("startTurn", { params, body: { prompt: 7 } });
  // @ts-expect-error a query is text
  await call("listSessions", { query: { limit: 3 } });
  // @ts-expect-error a session needs an agent
  await sessions.open({ title: "No agent" });
  const session = await sessions.open({ agent: "scripted" });
  // @ts-expect-error no such block
  await session.prompt([{ type: "smell", text: "Hi" }]);
  // @ts-expect-error no such decision
  await session.answer("ask_1", "perhaps");
  // @ts-expect-error closing has its own verb
  await session.configure({ closed: true });
  for await (const event of session.events()) {
    if (event.type === "turn.ended") expectTypeOf(event.data.outcome).toExtend<string>();
    // @ts-expect-error not every event has an outcome
    event.data.outcome;
  }
}

type Answered<Name extends OperationName> = Awaited<ReturnType<typeof connected.call<Name>>>;
const connected = connect();

test("the answer of a call has the contract's type", () => {
  expectTypeOf<Answered<"readTurn">>().toExtend<Turn>();
  expectTypeOf<Answered<"readSession">>().toExtend<SessionState>();
  expectTypeOf<Answered<"removeSession">>().toEqualTypeOf<undefined>();
});
