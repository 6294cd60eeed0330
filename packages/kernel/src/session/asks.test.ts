/** Asks: answered by a policy, a person or the clock, with nothing but what the harness offered, and never left hanging. */
import { chooseOption } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { blocks, type Kit, openKit, policy, until } from "./kit.fixture.ts";

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const asking = (more: object = {}) => ({
  ask: { title: "May I?", allowed: [{ say: "yes" }], denied: [{ say: "no" }], cancelled: [{ say: "nobody" }], ...more },
});
const option = (kind: string, optionId: string = kind) => ({ optionId, name: kind, kind });

async function asked(kit: Kit, over: Parameters<Kit["open"]>[1] = {}, step: object = asking()) {
  const actor = await kit.open([[step], ["count"]], over);
  const turn = await actor.prompt();
  const { data } = await actor.witness.heard("turn.asked");
  return { ...actor, turn, ask: data.ask };
}

describe.each(["memory", "sqlite"] as const)("asks over %s", (store) => {
  test("a turn waits while a person is asked, and goes on with the answer", async () => {
    await using kit = await openKit({ store });
    const { session, turn, ask, witness } = await asked(kit);
    await until(() => session.state().phase === "waiting");
    expect(session.asks()).toMatchObject([{ id: ask, turn: turn.id, title: "May I?", state: "open" }]);
    await session.answer(ask, { decision: "allow" });
    expect(await session.ended(turn.id)).toMatchObject({ outcome: "completed", output: "yes" });
    const answered = await witness.heard("turn.answered");
    expect(answered).toMatchObject({
      source: "person",
      data: { ask, by: "person", outcome: "selected", option: { optionId: "allow_once" } },
    });
    expect(session.asks()).toEqual([]);
  });
});

test.each([
  [{ decision: "deny" }, "no", { optionId: "reject_once" }],
  [{ decision: "cancel" }, "nobody", undefined],
  [{ option: "allow_always" }, "yes", { optionId: "allow_always" }],
  [{ option: "reject_once" }, "no", { optionId: "reject_once" }],
] as const)("a person may answer %j (D-23)", async (answer, output, chosen) => {
  await using kit = await openKit({ store: "memory" });
  const { session, turn, ask, witness } = await asked(kit);
  await session.answer(ask, answer);
  expect((await session.ended(turn.id)).output).toBe(output);
  const { data } = await witness.heard("turn.answered");
  if (chosen) expect(data.option).toMatchObject(chosen);
  else expect(data).toMatchObject({ outcome: "cancelled" });
});

test("an option that was not offered, content for a permission, and a second answer are refused", async () => {
  await using kit = await openKit({ store: "memory" });
  const { session, turn, ask } = await asked(kit);
  expect(await refusal(session.answer(ask, { option: "sudo" }))).toMatchObject({ code: "ask.answer" });
  expect(await refusal(session.answer(ask, { content: {} }))).toMatchObject({ code: "ask.answer" });
  const both = [session.answer(ask, { decision: "allow" }), session.answer(ask, { decision: "deny" })];
  expect(await Promise.all(both.map(refusal))).toEqual([undefined, expect.objectContaining({ code: "ask.settled" })]);
  expect((await session.ended(turn.id)).output).toBe("yes");
  expect(await refusal(session.answer(ask, { decision: "allow" }))).toMatchObject({ code: "ask.settled" });
  const never = "ask_01k9w3x5v7e8r2t4y6p8a0s1d3" as typeof ask;
  expect(await refusal(session.answer(never, { decision: "allow" }))).toMatchObject({ code: "ask.missing" });
});

test.each([
  [
    "takes the narrowest grant (AR-14)",
    "allow",
    [option("allow_always"), option("reject_once"), option("allow_once")],
    "allow_once",
    "yes",
  ],
  [
    "takes the wide grant when it is the only one (AR-14)",
    "allow",
    [option("allow_always"), option("reject_once")],
    "allow_always",
    "yes",
  ],
  [
    "never becomes an allow-kind option (AR-13)",
    "deny",
    [option("allow_always"), option("allow_once")],
    undefined,
    "nobody",
  ],
  [
    "takes the narrowest refusal (AR-13)",
    "deny",
    [option("reject_always"), option("allow_once"), option("reject_once", "no!")],
    "no!",
    "no",
  ],
  ["is cancelled when nothing offered fits (AR-12)", "allow", [option("reject_once")], undefined, "nobody"],
] as const)("a policy's answer %s", async (_, permissions, options, chosen, output) => {
  await using kit = await openKit({ store: "memory" });
  const { play, witness } = await kit.open([[asking({ options })]], { policy: policy({ permissions }) });
  expect(await play()).toMatchObject({ outcome: "completed", output });
  const { data } = await witness.heard("turn.answered");
  expect([data.by, data.option?.optionId, data.outcome]).toEqual(["policy", chosen, chosen ? "selected" : "cancelled"]);
  expect(chooseOption(permissions, options)?.optionId).toBe(chosen);
});

test("the first rule that applies by kind or title decides, and the log says which", async () => {
  await using kit = await openKit({ store: "memory" });
  const rules = [
    { kind: "edit", decision: "deny" as const },
    { title: "harmless", decision: "allow" as const },
    { kind: "execute", title: "rm", decision: "ask" as const },
  ];
  const tool = (title: string, kind: string) => ({ tool: { title, kind, text: title, ask: true } });
  const { session, prompt, witness } = await kit.open(
    [[tool("harmless edit", "edit"), tool("harmless look", "read"), tool("rm -rf", "execute"), tool("fetch", "fetch")]],
    { policy: policy({ permissions: "allow", rules }) },
  );
  const turn = await prompt();
  const open = await witness.heard("turn.asked", ({ data }) => data.title === "rm -rf");
  await session.answer(open.data.ask, { decision: "deny" });
  await session.ended(turn.id);
  await witness.upTo(session.state().cursor);
  expect(witness.all("turn.answered").map(({ data }) => [data.by, data.rule, data.option?.kind])).toEqual([
    ["policy", "rules[0]", "reject_once"],
    ["policy", "rules[1]", "allow_once"],
    ["person", undefined, "reject_once"],
    ["policy", "permissions", "allow_once"],
  ]);
});

test("a changed policy holds for the next ask, field by field", async () => {
  await using kit = await openKit({ store: "memory" });
  const { session, play } = await kit.open([[asking()]], {
    policy: policy({ permissions: "allow", deadlineMs: 7_000 }),
  });
  expect((await play()).output).toBe("yes");
  await session.change({ policy: { permissions: "deny" } });
  expect(session.state().policy).toMatchObject({ permissions: "deny", deadlineMs: 7_000 });
  expect((await play()).output).toBe("no");
});

test.each([
  ["deny", "no"],
  ["allow", "yes"],
  ["cancel", "nobody"],
] as const)("an ask that nobody answers ends at its deadline by its default: %s", async (onExpire, output) => {
  await using kit = await openKit({ store: "memory" });
  const { play, witness } = await kit.open([[asking()]], { policy: policy({ deadlineMs: 100, onExpire }) });
  expect(await play()).toMatchObject({ outcome: "completed", output });
  expect((await witness.heard("turn.answered")).data.by).toBe("deadline");
});

test.each([
  ["from another handle", false],
  ["after a restart of the daemon", true],
])(
  "an unanswered ask may pause its turn and let the harness go; an answer %s goes on, with that one grant used once (AR-22)",
  async (_, restart) => {
    await using kit = await openKit();
    const story = {
      title: "May I?",
      denied: [{ say: "no" }],
      cancelled: [{ say: "nobody" }],
      allowed: [{ say: "yes" }],
    };
    const first = await kit.open(
      [[{ ask: story }], ["quote", { ask: story }, { ask: { ...story, title: "Again?" } }]],
      {
        policy: policy({ deadlineMs: 200, onExpire: "pause" }),
      },
    );
    const paused = await first.play();
    expect(paused).toMatchObject({ outcome: "paused", stopReason: "paused" });
    await first.witness.heard("harness.exited", ({ data }) => data.expected);
    expect((await kit.processes.list()).length).toBe(0);
    expect(first.session.state()).toMatchObject({ phase: "idle", asks: [{ state: "parked" }] });
    if (restart) await kit.restart();
    const { session, witness } = await kit.find(first.id);
    const ask = session.asks()[0]!;
    expect(await refusal(session.answer(ask.id, { content: {} }))).toMatchObject({ code: "ask.answer" });
    await session.answer(ask.id, { decision: "allow" });
    expect(await refusal(session.answer(ask.id, { decision: "allow" }))).toMatchObject({ code: "ask.settled" });
    const going = await witness.heard("turn.queued", ({ data }) => data.continues !== undefined);
    expect(going.data.continues).toMatchObject({ ask: ask.id, decision: "allow", title: "May I?" });
    const ended = await session.ended(going.turn!);
    expect(ended).toMatchObject({ outcome: "paused" });
    expect(ended.output).toContain("yes");
    const byGrant = witness.all("turn.answered").filter(({ data }) => data.rule === `answer to ${ask.id}`);
    expect(byGrant.map(({ data }) => data.option?.kind)).toEqual(["allow_once"]);
    expect(session.asks()).toMatchObject([{ title: "Again?", state: "parked" }]);
  },
);

test("an open ask ends when its turn is cancelled", async () => {
  await using kit = await openKit({ store: "memory" });
  const { session, turn, witness, play } = await asked(kit);
  expect((await session.cancel(turn.id)).outcome).toBe("cancelled");
  expect((await witness.heard("turn.answered")).data).toMatchObject({ by: "cancel", outcome: "cancelled" });
  expect((await play()).output).toBe("2 messages");
});

test("an open ask ends when its harness dies", async () => {
  await using kit = await openKit({ store: "memory" });
  const { session, turn, witness, play } = await asked(kit);
  process.kill(session.state().harness!.pid!, "SIGKILL");
  expect(await session.ended(turn.id)).toMatchObject({ outcome: "failed", fault: { code: "harness.crashed" } });
  expect((await witness.heard("turn.answered")).data).toMatchObject({ by: "cancel", outcome: "cancelled" });
  expect((await play()).output).toBe("2 messages");
});

test("an open ask ends when the daemon does", async () => {
  await using kit = await openKit();
  const { id } = await asked(kit);
  await kit.restart();
  const { session, witness, play } = await kit.find(id);
  expect(session.asks()).toEqual([]);
  expect((await witness.heard("turn.answered")).data).toMatchObject({ by: "cancel", outcome: "cancelled" });
  expect(await witness.heard("turn.ended")).toMatchObject({
    data: { outcome: "cancelled", fault: { code: "daemon.stopping" } },
  });
  expect((await play()).output).toBe("2 messages");
});

test("a question that its harness no longer waits for does not outlive the turn", async () => {
  await using kit = await openKit({ store: "memory", limits: { stallAfterMs: 300 } });
  const { session, prompt, witness } = await kit.open([[{ "duplicate-id": "request" }], [{ sleep: 1500 }]], {
    policy: policy({ deadlineMs: 1_000 }),
  });
  const turn = await prompt();
  const { data } = await witness.heard("turn.asked");
  await session.answer(data.ask, { decision: "allow" });
  expect(await session.ended(turn.id)).toMatchObject({ outcome: "completed", output: "The answer was: allowed" });
  await witness.heard("turn.answered", (event) => event.data.by === "cancel");
  const next = await prompt();
  // A forgotten question would be answered by its deadline now, and would make this silence look like waiting.
  await witness.heard("harness.stalled");
  await session.ended(next.id);
  expect(witness.all("turn.answered").filter(({ data: { by } }) => by === "deadline")).toEqual([]);
});

test.each([
  [{ content: { name: "Ada" } }, 'You answered: {"name":"Ada"}', "accepted"],
  [{ decision: "deny" }, "You answered nothing: decline", "declined"],
  [{ decision: "cancel" }, "You answered nothing: cancel", "cancelled"],
] as const)("an elicitation is answered with %j", async (answer, output, outcome) => {
  await using kit = await openKit({ store: "memory" });
  const schema = { type: "object", properties: { name: { type: "string" } } };
  const step = { elicit: { message: "Your name?", schema } };
  const { session, turn, ask, witness } = await asked(kit, { policy: policy({ permissions: "allow" }) }, step);
  expect(session.asks()).toMatchObject([{ kind: "elicitation", title: "Your name?", schema, options: [] }]);
  expect(await refusal(session.answer(ask, { decision: "allow" }))).toMatchObject({ code: "ask.answer" });
  await session.answer(ask, answer);
  expect((await session.ended(turn.id)).output).toBe(output);
  expect((await witness.heard("turn.answered")).data.outcome).toBe(outcome);
});

test("an elicitation that nobody answers is never accepted", async () => {
  await using kit = await openKit({ store: "memory" });
  const step = { elicit: { message: "Your name?", schema: { type: "object" } } };
  const { play } = await kit.open([[step]], { policy: policy({ deadlineMs: 100, onExpire: "allow" }) });
  expect((await play()).output).toBe("You answered nothing: cancel");
});

test("a deadline and an answer that come together settle the ask once", async () => {
  await using kit = await openKit({ store: "memory" });
  for (let round = 0; round < 5; round++) {
    const { session, turn, ask, witness } = await asked(kit, { policy: policy({ deadlineMs: 60, onExpire: "deny" }) });
    await new Promise((resolve) => setTimeout(resolve, 40 + 4 * round));
    const refused = await refusal(session.answer(ask, { decision: "allow" }));
    const { output } = await session.ended(turn.id);
    expect(output).toBe(refused ? "no" : "yes");
    if (refused) expect(refused).toMatchObject({ code: "ask.settled" });
    expect(witness.all("turn.answered").length).toBe(1);
  }
});

test("prompts that come while a person is asked wait for the turn", async () => {
  await using kit = await openKit({ store: "memory" });
  const { session, turn, ask } = await asked(kit);
  const next = await session.prompt({ prompt: blocks("next") });
  expect(session.state().queue.map(({ id }) => id)).toEqual([next.id]);
  await session.answer(ask, { decision: "allow" });
  await session.ended(turn.id);
  expect((await session.ended(next.id)).outcome).toBe("completed");
});
