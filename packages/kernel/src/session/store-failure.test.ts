/** A disk that is full for a while: nothing acknowledged is lost, every turn ends once, and all goes on when there is room again. */
import { Fault } from "@corral/protocol";
import { expect, test } from "vitest";
import type { Append, Store } from "../ports/store.ts";
import { blocks, type Kit, openKit, policy, until } from "./kit.fixture.ts";

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const isFull = { code: "store.full", status: 507 };

/** A store on a disk that can be filled; what it has taken, it keeps. */
function fillable() {
  const disk = { full: false, refused: 0, choose: (_: Append) => true };
  const wrap = (inner: Store): Store => ({
    ...inner,
    async append(request) {
      if (!disk.full || !disk.choose(request)) return inner.append(request);
      disk.refused++;
      throw new Fault("store.full", { detail: "There is no room left.", help: "Make some." });
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  });
  return { disk, wrap };
}

async function open(options: Parameters<typeof openKit>[0] = {}) {
  const { disk, wrap } = fillable();
  const kit = await openKit({ store: "memory", wrap, ...options });
  return { kit, disk };
}

/** A full disk is a surprise to the house, which tells of it, and of nothing else. */
function expectOnlyFull(kit: Kit): void {
  expect(kit.surprises.length).toBeGreaterThan(0);
  for (const { error } of kit.surprises.splice(0)) expect(error).toMatchObject(isFull);
}

test("what is asked for while the disk is full is refused, and nothing of it is seen", async () => {
  const { kit, disk } = await open();
  await using _ = kit;
  const { id, session, play } = await kit.open([["quote"]]);
  await play("before");
  const before = session.state();
  disk.full = true;
  expect(await refusal(kit.kernel.sessions.open({ agent: "scripted" }, { key: "k" }))).toMatchObject(isFull);
  expect(await refusal(session.prompt({ prompt: blocks("lost") }, { key: "k" }))).toMatchObject(isFull);
  expect(await refusal(session.change({ title: "lost" }))).toMatchObject(isFull);
  expect(await refusal(session.fork({}))).toMatchObject(isFull);
  expect(session.state()).toEqual(before);
  disk.full = false;
  const turn = await session.prompt({ prompt: blocks("after") }, { key: "k" });
  expect((await session.ended(turn.id)).output).toBe("You said: after");
  expect((await kit.kernel.sessions.list({ limit: 9 })).items.map((one) => one.id)).toEqual([id]);
});

test("a turn that runs into a full disk ends once, as failed, when there is room again (invariant 5)", async () => {
  const { kit, disk } = await open();
  await using _ = kit;
  const { session, prompt, play, witness } = await kit.open([
    [{ say: { text: "word ".repeat(400), chunk: 5, delayMs: 5 } }],
    ["count"],
  ]);
  const turn = await prompt();
  await witness.heard("turn.updated");
  disk.full = true;
  await until(() => disk.refused > 3);
  const told = witness.last;
  expect((await session.turn(turn.id)).state).toBe("running");
  disk.full = false;
  expect(await session.ended(turn.id)).toMatchObject({ outcome: "failed", fault: { code: "store.full" } });
  expect(witness.last).toBeGreaterThanOrEqual(told);
  expect((await play()).output).toBe("2 messages");
  expectOnlyFull(kit);
});

test("a harness that dies while the disk is full is said to have ended before its turn is", async () => {
  const { kit, disk } = await open();
  await using _ = kit;
  const { session, prompt, play, witness } = await kit.open([[{ say: "a" }, { hang: false }], ["count"]]);
  const turn = await prompt();
  await witness.heard("turn.updated");
  disk.full = true;
  process.kill(session.state().harness!.pid!, "SIGKILL");
  await until(() => disk.refused > 1);
  disk.full = false;
  expect(await session.ended(turn.id)).toMatchObject({ outcome: "failed", fault: { code: "harness.crashed" } });
  const exit = await witness.heard("harness.exited");
  expect(exit.data).toMatchObject({ signal: "SIGKILL", expected: false });
  expect(exit.cursor).toBeLessThan((await witness.heard("turn.ended")).cursor);
  expect((await play()).output).toBe("2 messages");
  expectOnlyFull(kit);
});

test("an answer that cannot be kept was not given: the ask stays open for the next one", async () => {
  const { kit, disk } = await open();
  await using _ = kit;
  const { session, prompt, witness } = await kit.open([[{ ask: { title: "Well?", allowed: [{ say: "yes" }] } }]]);
  const turn = await prompt();
  const { ask } = (await witness.heard("turn.asked")).data;
  disk.full = true;
  expect(await refusal(session.answer(ask, { decision: "deny" }))).toMatchObject(isFull);
  disk.full = false;
  expect(session.asks()).toMatchObject([{ id: ask, state: "open" }]);
  await session.answer(ask, { decision: "allow" });
  expect(await session.ended(turn.id)).toMatchObject({ outcome: "completed", output: "yes" });
});

test("an answer that could not be kept leaves the deadline as it was", async () => {
  const { kit, disk } = await open();
  await using _ = kit;
  const step = { ask: { title: "Well?", denied: [{ say: "no" }] } };
  const { session, prompt, witness } = await kit.open([[step]], { policy: policy({ deadlineMs: 500 }) });
  const turn = await prompt();
  const { ask } = (await witness.heard("turn.asked")).data;
  disk.full = true;
  expect(await refusal(session.answer(ask, { decision: "allow" }))).toMatchObject(isFull);
  disk.full = false;
  expect(await session.ended(turn.id)).toMatchObject({ outcome: "completed", output: "no" });
});

test("a question that cannot be kept is not put to anybody, and fails the turn", async () => {
  const { kit, disk } = await open();
  await using _ = kit;
  const { session, prompt, witness, play } = await kit.open([
    [{ say: "a" }, { ask: "Well?" }, { hang: true }],
    ["count"],
  ]);
  disk.choose = ({ entries }) => entries.some((text) => text.includes('"turn.asked"'));
  disk.full = true;
  const turn = await prompt();
  expect(await session.ended(turn.id)).toMatchObject({ outcome: "failed", fault: { code: "store.full" } });
  disk.full = false;
  expect(witness.all("turn.asked")).toEqual([]);
  expect((await play()).output).toBe("2 messages");
  expectOnlyFull(kit);
});

test("a harness whose start cannot be kept is not kept either", async () => {
  const { kit, disk } = await open();
  await using _ = kit;
  const { session, play, witness } = await kit.open([["count"]]);
  disk.choose = ({ entries }) => entries.some((text) => text.includes('"harness.started"'));
  disk.full = true;
  expect(await play()).toMatchObject({ outcome: "failed", fault: { code: "store.full" } });
  expect((await kit.processes.list()).length).toBe(0);
  disk.full = false;
  expect((await play()).outcome).toBe("completed");
  await witness.upTo(session.state().cursor);
  expect(witness.all("harness.started").length).toBe(1);
  kit.surprises.length = 0;
});

test("a queue whose next turn cannot be started waits, and goes on by itself when there is room", async () => {
  const { kit, disk } = await open();
  await using _ = kit;
  const { session, prompt } = await kit.open([[{ sleep: 300 }, "quote"]]);
  const first = await prompt();
  const turn = await prompt("patience");
  disk.choose = ({ entries }) => entries.some((text) => text.includes('"turn.started"'));
  disk.full = true;
  await session.ended(first.id);
  await until(() => disk.refused >= 2);
  const early = disk.refused;
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(disk.refused - early).toBeLessThan(5);
  disk.full = false;
  expect((await session.ended(turn.id)).output).toBe("You said: patience");
  expectOnlyFull(kit);
});

test("a session that could not be closed for lack of room goes on, and can be closed later", async () => {
  const { kit, disk } = await open();
  await using _ = kit;
  const { session, play } = await kit.open([["quote"]]);
  disk.full = true;
  expect(await refusal(session.change({ closed: true }))).toMatchObject(isFull);
  disk.full = false;
  expect((await play("still here")).output).toBe("You said: still here");
  expect((await session.change({ closed: true })).phase).toBe("closed");
});

test("whoever waits in a session is told when its store is lost, however silent its agent is (invariant 5)", async () => {
  const store = Promise.withResolvers<Fault>();
  let gone: Fault | undefined;
  const wrap = (inner: Store): Store => ({
    ...inner,
    lost: store.promise,
    append: (request) => (gone ? Promise.reject(gone) : inner.append(request)),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  });
  await using kit = await openKit({ store: "memory", wrap });
  const { session, prompt, witness } = await kit.open([[{ say: "a" }, { hang: false }]]);
  const turn = await prompt();
  await witness.heard("turn.updated");
  const waiting = refusal(session.ended(turn.id));
  gone = new Fault("store.closed", { detail: "The thread that writes the store died." });
  store.resolve(gone);
  expect(await waiting).toMatchObject({ code: "daemon.stopping" });
  await until(async () => (await kit.processes.list()).length === 0);
  await kit.stop();
  kit.surprises.length = 0;
});

test("a daemon stops within its bound though the disk stays full, and its next life ends the turn as lost (invariant 7)", async () => {
  const { kit, disk } = await open({ limits: { stopMs: 1_500 } });
  await using _ = kit;
  const { id, prompt, witness } = await kit.open([[{ say: "a" }, { hang: false }]]);
  const turn = await prompt();
  await witness.heard("turn.updated");
  disk.full = true;
  await kit.stop();
  disk.full = false;
  await kit.start();
  const { session } = await kit.find(id);
  expect(await session.ended(turn.id)).toMatchObject({ outcome: "lost", fault: { code: "turn.lost" } });
  kit.surprises.length = 0;
});
