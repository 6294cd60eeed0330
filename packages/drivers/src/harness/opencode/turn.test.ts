/** One turn on an OpenCode server, by what its stream tells: which of it counts, and how it ends. */
import { systemClock as clock, type Frame } from "@corral/kernel";
import { expect, test } from "vitest";
import { ServedTurn } from "./turn.ts";

const busy = { status: { type: "busy" } };
const tokens = { input: 10, output: 1 };
const answer = (id: string, over: Frame = {}): Frame => ({
  info: { id, role: "assistant", time: { created: 1 }, tokens, ...over },
});
const done = (id: string, over: Frame = {}) => answer(id, { time: { created: 1, completed: 2 }, ...over });

type Event = readonly [type: string, properties?: Frame];
const tell = (turn: ServedTurn, ...events: readonly Event[]): readonly boolean[] =>
  events.map(([type, properties = {}]) => turn.hear(type, properties, true));

const idle: Event = ["session.idle"];
const begun: Event = ["session.status", busy];

async function isOpen(turn: ServedTurn): Promise<boolean> {
  let open = true;
  const close = () => {
    open = false;
  };
  turn.ended.then(close, close);
  await new Promise((resolve) => setImmediate(resolve));
  return open;
}

test.each([
  ["without another word", {}],
  ["and calls it a stop", { finish: "stop" }],
])("an answer that ran out of room ends its turn as cut, when OpenCode tells it %s (C-03)", async (_, over) => {
  const turn = new ServedTurn(clock, new Set());
  const error = { name: "MessageOutputLengthError", data: {} };
  tell(turn, begun, ["message.updated", done("msg_1", { error, ...over })], ["message.updated", done("msg_1")], idle);
  expect(await turn.ended).toMatchObject({ stopReason: "max_tokens" });
});

test("what the last of several answers says is how the turn ends (C-03)", async () => {
  const turn = new ServedTurn(clock, new Set());
  tell(turn, begun, ["message.updated", done("msg_1", { finish: "length" })]);
  tell(turn, ["message.updated", answer("msg_2")], ["message.updated", done("msg_2", { finish: "stop" })], idle);
  expect(await turn.ended).toMatchObject({ stopReason: "end_turn", usage: { inputTokens: 20 } });
});

test("answers of an earlier turn, known or late, cost the next one nothing and do not end it (C-03)", async () => {
  const earlier = new Set(["msg_1"]);
  const turn = new ServedTurn(clock, earlier);
  expect(tell(turn, ["message.updated", answer("msg_0")], begun, ["message.updated", done("msg_0")])).toEqual([
    ...[false, true, false],
  ]);
  const late: Event = ["message.updated", done("msg_1", { finish: "length", error: { name: "UnknownError" } })];
  expect(tell(turn, late, idle)).toEqual([false, true]);
  expect(await isOpen(turn)).toBe(true);
  tell(turn, ["message.updated", done("msg_2", { finish: "stop" })], idle);
  expect(await turn.ended).toEqual({
    stopReason: "end_turn",
    usage: { inputTokens: 10, outputTokens: 1, totalTokens: 11 },
  });
  turn.leave();
  expect([...earlier]).toEqual(["msg_1", "msg_0", "msg_2"]);
});

test("a turn that is idle before it has an answer ends by a failure or a cancel, and not of itself (C-03)", async () => {
  const [failing, cancelled] = [new ServedTurn(clock, new Set()), new ServedTurn(clock, new Set())];
  for (const turn of [failing, cancelled]) tell(turn, begun, idle);
  expect([await isOpen(failing), await isOpen(cancelled)]).toEqual([true, true]);
  tell(failing, ["session.error", { error: { name: "UnknownError", data: { message: "no such model" } } }], idle);
  cancelled.cancel(() => undefined);
  tell(cancelled, idle);
  await expect(failing.ended).rejects.toMatchObject({ code: "harness.refused" });
  expect(await cancelled.ended).toEqual({ stopReason: "cancelled" });
  expect([failing.over, cancelled.over]).toEqual([true, true]);
});
