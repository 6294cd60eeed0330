/** Turns: played one after the other, ended once and in time, whatever their harness does. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isClean } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { blocks, isRunning, openKit, until } from "./kit.fixture.ts";

const rejected = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe.each(["memory", "sqlite"] as const)("turns over %s", (store) => {
  test("prompts to a busy session run in the order in which they came", async () => {
    await using kit = await openKit({ store });
    const { session, witness } = await kit.open([["quote"]]);
    const turns = await Promise.all(
      ["one", "two", "three", "four"].map((text) => session.prompt({ prompt: blocks(text) })),
    );
    const ended = await Promise.all(turns.map(({ id }) => session.ended(id)));
    expect(ended.map(({ output }) => output)).toEqual(
      ["one", "two", "three", "four"].map((text) => `You said: ${text}`),
    );
    await witness.upTo(session.state().cursor);
    expect(witness.all("turn.started").map(({ turn }) => turn)).toEqual(turns.map(({ id }) => id));
    expect(witness.all("turn.ended").map(({ turn }) => turn)).toEqual(turns.map(({ id }) => id));
  });

  test("a queued turn can be cancelled, and is never played", async () => {
    await using kit = await openKit({ store });
    const { session, prompt, witness } = await kit.open([[{ say: "a" }, { hang: true }], ["quote"]]);
    const running = await prompt("first");
    await witness.heard("turn.updated");
    const queued = await prompt("second");
    const last = await prompt("third");
    expect((await session.cancel(queued.id)).outcome).toBe("cancelled");
    expect((await session.cancel(running.id)).outcome).toBe("cancelled");
    expect((await session.ended(last.id)).output).toBe("You said: third");
    expect(witness.all("turn.started").map(({ turn }) => turn)).not.toContain(queued.id);
  });

  test("a turn that is cancelled in the middle of a text ends as cancelled, and the next prompt works", async () => {
    await using kit = await openKit({ store });
    const { session, prompt, play, witness } = await kit.open([
      [{ say: { text: "word ".repeat(500), chunk: 5, delayMs: 20 } }],
      ["count"],
    ]);
    const turn = await prompt();
    await witness.heard("turn.updated", ({ data }) => data.update.sessionUpdate === "agent_message_chunk");
    expect(await session.cancel(turn.id)).toMatchObject({ outcome: "cancelled", stopReason: "cancelled" });
    expect(await play()).toMatchObject({ outcome: "completed", output: "2 messages" });
  });
});

test("a full queue refuses, and says why", async () => {
  await using kit = await openKit({ store: "memory", limits: { queuedTurns: 2 } });
  const { session, prompt, witness } = await kit.open([[{ hang: true }]]);
  const running = await prompt();
  await witness.heard("turn.started");
  const waiting = [await prompt(), await prompt()];
  const refusal = await rejected(prompt());
  expect(refusal).toMatchObject({ code: "session.queue_full", status: 429, more: { queued: 2 } });
  expect(refusal).toHaveProperty("help");
  for (const { id } of [...waiting, running]) await session.cancel(id);
  expect(session.state()).toMatchObject({ phase: "idle", queue: [], turns: 3 });
});

test("cancelling a turn ends the real command of its tool and tells that the tool has failed (D-33)", async () => {
  await using kit = await openKit();
  for (const via of ["content", "client"]) {
    const run = `echo $$ > ${via}.pid; exec sleep 600`;
    const { session, prompt, play, witness } = await kit.open([
      [{ tool: { title: "Sleep", kind: "execute", run, via } }],
      [{ say: "again" }],
    ]);
    const turn = await prompt();
    const pidFile = join(kit.cwd, `${via}.pid`);
    await until(async () => Number(await readFile(pidFile, "utf8").catch(() => "")) > 0);
    const pid = Number(await readFile(pidFile, "utf8"));
    expect(isRunning(pid)).toBe(true);
    expect((await session.cancel(turn.id)).outcome).toBe("cancelled");
    await until(() => !isRunning(pid));
    expect((await play()).output).toBe("again");
    const states = witness.all("turn.updated").flatMap(({ data }) => data.update.status ?? []);
    expect(states.at(-1)).toBe("failed");
  }
});

test("a tool that its harness never ends is ended by the daemon, by its own word (D-33)", async () => {
  await using kit = await openKit({ store: "memory" });
  const { play, witness } = await kit.open([[{ tool: { id: "t1", title: "Endless", text: "x", unfinished: true } }]]);
  expect((await play()).outcome).toBe("completed");
  const end = await witness.heard("turn.updated", ({ synthetic }) => synthetic === true);
  expect(end).toMatchObject({ source: "daemon", data: { update: { toolCallId: "t1", status: "completed" } } });
});

test("a turn whose harness is just starting can be cancelled", async () => {
  await using kit = await openKit();
  const { session, prompt, play } = await kit.open([["quote"]]);
  expect((await session.cancel((await prompt()).id)).outcome).toBe("cancelled");
  const second = await prompt("again");
  await until(() => session.state().turn?.id === second.id);
  expect((await session.cancel(second.id)).outcome).toBe("cancelled");
  expect((await play("now")).output).toBe("You said: now");
  expect((await kit.processes.list()).length).toBe(1);
});

test.each([
  ["hangs and hears nothing", [{ hang: false }]],
  ["also ignores SIGTERM", ["ignore-sigterm", { hang: false }]],
  ["has stopped", [{ crash: "SIGSTOP" }, { hang: false }]],
  ["floods", [{ flood: 50_000_000 }]],
])(
  "a turn of a harness that %s is cancelled within its grace, and leaves nothing behind (invariant 5, invariant 10)",
  async (_, steps) => {
    await using kit = await openKit({ store: "memory" });
    const { session, prompt, play, witness } = await kit.open([["double-fork", { say: "here" }, ...steps], ["count"]]);
    const turn = await prompt();
    await witness.heard("turn.updated");
    const pid = session.state().harness?.pid ?? 0;
    const grandchild = Number(await readFile(join(kit.cwd, "grandchild.pid"), "utf8"));
    expect((await session.cancel(turn.id)).outcome).toBe("cancelled");
    expect((await play()).output).toBe("2 messages");
    if (session.state().harness?.pid !== pid) {
      expect([pid, grandchild].map(isRunning)).toEqual([false, false]);
      expect((await session.residue()).map(isClean)).toEqual([true]);
    }
  },
);

test("a turn takes no longer than its deadline and the grace", async () => {
  await using kit = await openKit({ store: "memory" });
  const { session, play } = await kit.open([["count"], [{ hang: false }], ["count"]]);
  await play();
  const turn = await session.prompt({ prompt: blocks("be quick"), timeoutMs: 300 });
  expect(await session.ended(turn.id)).toMatchObject({ outcome: "failed", fault: { code: "turn.deadline" } });
  expect((await play()).output).toBe("3 messages");
});

test("a harness that has stopped is said to stall, and then its turn fails", async () => {
  await using kit = await openKit({ store: "memory", limits: { stallAfterMs: 300, stallLimitMs: 900 } });
  const { session, prompt, play, witness } = await kit.open([
    [{ say: "a" }, { crash: "SIGSTOP" }, { hang: false }],
    ["count"],
  ]);
  const turn = await prompt();
  const stalled = await witness.heard("harness.stalled");
  expect(stalled.turn).toBe(turn.id);
  expect(stalled.data.run).toBe(session.state().harness?.run);
  expect(await session.ended(turn.id)).toMatchObject({ outcome: "failed", fault: { code: "harness.stalled" } });
  expect((await play()).output).toBe("2 messages");
});

test("a tool may be silent for longer than a harness without one, and not for ever", async () => {
  const limits = { stallAfterMs: 50, stallLimitMs: 1_000, toolStallLimitMs: 60_000 };
  await using kit = await openKit({ store: "memory", limits });
  const steps = [{ tool: { title: "Build", kind: "execute", run: "sleep 2; echo built" } }, { say: "done" }];
  const { play, witness } = await kit.open([steps]);
  expect(await play()).toMatchObject({ outcome: "completed", output: "done" });
  expect(witness.all("harness.stalled").length).toBeGreaterThan(0);
});

test("silence while a person is asked is not the harness's", async () => {
  await using kit = await openKit({ store: "memory", limits: { stallAfterMs: 50, stallLimitMs: 900 } });
  const { session, prompt, witness } = await kit.open([[{ ask: { title: "Well?", allowed: [{ say: "thanks" }] } }]]);
  const turn = await prompt();
  const asked = await witness.heard("turn.asked");
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await session.answer(asked.data.ask, { decision: "allow" });
  const answered = await witness.heard("turn.answered");
  expect(await session.ended(turn.id)).toMatchObject({ outcome: "completed", output: "thanks" });
  const meanwhile = ({ cursor }: { cursor: number }) => cursor > asked.cursor && cursor < answered.cursor;
  expect(witness.all("harness.stalled").filter(meanwhile)).toEqual([]);
});

test("a running turn takes steering where the harness can, and says so where it cannot", async () => {
  await using kit = await openKit({ store: "memory" });
  const able = await kit.open([[{ say: "a" }, { sleep: 600 }, { say: "b" }]], {
    story: { capabilities: { steer: true } },
  });
  const turn = await able.prompt();
  await able.witness.heard("turn.updated");
  await able.session.steer(blocks("left"));
  expect(await able.session.ended(turn.id)).toMatchObject({ output: "aSteered: leftb" });
  expect((await able.witness.heard("turn.steered")).data.prompt).toEqual(blocks("left"));
  expect(await rejected(able.session.steer(blocks("x")))).toMatchObject({ code: "session.phase" });
  const unable = await kit.open([[{ say: "a" }, { hang: true }]]);
  const other = await unable.prompt();
  await unable.witness.heard("turn.updated");
  expect(await rejected(unable.session.steer(blocks("x")))).toMatchObject({ code: "agent.cannot" });
  await unable.session.cancel(other.id);
});

test("a harness that takes its steering and says nothing does not keep its turn from being cancelled", async () => {
  await using kit = await openKit({ store: "memory" });
  const story = { capabilities: { steer: true } };
  const { session, prompt, witness } = await kit.open([[{ say: "a" }, { crash: "SIGSTOP" }, { hang: false }]], {
    story,
  });
  const turn = await prompt();
  await witness.heard("turn.updated");
  const steering = rejected(session.steer(blocks("left")));
  expect((await session.cancel(turn.id)).outcome).toBe("cancelled");
  // Whether it was taken or refused is the harness's: before it is killed it is told to go on.
  await steering;
});

test("usage, plans, thoughts and the reason of the end are kept", async () => {
  await using kit = await openKit({ store: "memory" });
  const { session, play } = await kit.open([
    [
      { think: "hm" },
      { plan: [{ content: "do it" }] },
      { usage: { used: 5, size: 10, input: 3, output: 4 } },
      { stop: "max_tokens" },
    ],
  ]);
  expect(await play()).toMatchObject({
    outcome: "completed",
    stopReason: "max_tokens",
    usage: { inputTokens: 3, outputTokens: 4 },
  });
  await play();
  expect(session.state()).toMatchObject({
    usage: { inputTokens: 6, outputTokens: 8 },
    context: { used: 5, size: 10 },
    turns: 2,
  });
});

test("an error that the harness answers fails the turn, and the harness goes on", async () => {
  await using kit = await openKit({ store: "memory" });
  const { play, witness } = await kit.open([
    [{ error: { code: -32000, message: "No credit", data: { plan: "free" } } }],
    ["count"],
  ]);
  expect(await play()).toMatchObject({
    outcome: "failed",
    fault: { code: "harness.refused", detail: "No credit", more: { rpcCode: -32000, data: { plan: "free" } } },
  });
  expect((await play()).output).toBe("2 messages");
  expect(witness.all("harness.started").length).toBe(1);
});

test("whoever waits for a turn hears of its end, however close to it they come", async () => {
  await using kit = await openKit({ store: "memory" });
  const { session } = await kit.open([["quote"]]);
  for (let round = 0; round < 25; round++) {
    const turn = await session.prompt({ prompt: blocks(String(round)) });
    await Promise.all(Array.from({ length: 4 }, () => session.ended(turn.id)));
  }
});
