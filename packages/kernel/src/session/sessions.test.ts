/** Sessions: opened once, listed, renamed, configured, forked, closed and removed. */
import { mkdtemp, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { SessionEvent } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { type Actor, blocks, hostEnv, type Kit, openKit, policy, until } from "./kit.fixture.ts";

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
const outputOf = async ({ session }: Actor, prompt: string) =>
  (await session.ended((await session.prompt({ prompt: blocks(prompt) })).id)).output;

describe.each(["memory", "sqlite"] as const)("sessions over %s", (store) => {
  test("are listed in pages, the newest first", async () => {
    await using kit = await openKit({ store });
    const ids = [];
    for (let at = 0; at < 7; at++) {
      ids.unshift((await kit.open([["quote"]], { title: `number ${at}` })).id);
      // Ids made in the same millisecond have no order.
      const made = Date.now();
      await until(() => Date.now() > made);
    }
    const pages = [];
    for (let after: (typeof ids)[number] | undefined; ; ) {
      const { items, next } = await kit.kernel.sessions.list({ limit: 3, ...(after ? { after } : {}) });
      pages.push(items.map(({ id }) => id));
      if (!next) break;
      after = next as typeof after;
    }
    expect(pages).toEqual([ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)]);
  });

  test("are opened once by two requests under one key, and another request under it is refused", async () => {
    await using kit = await openKit({ store });
    const { sessions } = kit.kernel;
    const both = await Promise.all([1, 2].map(() => sessions.open({ agent: "scripted", title: "one" }, { key: "k" })));
    expect(both[0]).toEqual(both[1]);
    expect((await sessions.list({ limit: 10 })).items.length).toBe(1);
    expect(await refusal(sessions.open({ agent: "scripted", title: "two" }, { key: "k" }))).toMatchObject({
      code: "request.key_reused",
      status: 409,
    });
    await kit.restart();
    expect(await kit.kernel.sessions.open({ agent: "scripted", title: "one" }, { key: "k" })).toEqual(both[0]);
  });

  test("close: the running turn ends, queued ones are cancelled, followers hear of it and then of the end", async () => {
    await using kit = await openKit({ store });
    const { id, session, prompt, witness } = await kit.open([[{ say: "a" }, { hang: false }], ["quote"]]);
    const running = await prompt();
    await witness.heard("turn.updated");
    const queued = await prompt();
    const [closed, again] = await Promise.all([session.change({ closed: true }), session.change({ closed: true })]);
    expect(closed).toMatchObject({ phase: "closed", queue: [] });
    expect(again.phase).toBe("closed");
    expect(await witness.over()).toBe("session.closed");
    expect(witness.events.at(-1)?.type).toBe("session.closed");
    expect((await session.ended(running.id)).outcome).toBe("cancelled");
    expect((await session.ended(queued.id)).outcome).toBe("cancelled");
    expect(await refusal(prompt())).toMatchObject({ code: "session.closed" });
    expect((await kit.processes.list()).length).toBe(0);
    await kit.restart();
    const back = await kit.find(id);
    expect(await back.witness.over()).toBe("session.closed");
    expect(await refusal(back.prompt())).toMatchObject({ code: "session.closed" });
  });

  test("that are closed while they are removed, or just after it, are missing, and their queue rests", async () => {
    await using kit = await openKit({ store });
    for (const when of ["before", "while", "after"]) {
      const { id, session, prompt, witness } = await kit.open([[{ say: "a" }, { hang: true }]]);
      await prompt();
      await witness.heard("turn.updated");
      await prompt();
      const close = () => refusal(session.change({ closed: true }));
      const early = when === "before" ? close() : undefined;
      const removing = kit.kernel.sessions.remove(id);
      const amid = when === "while" ? close() : undefined;
      await removing;
      const refused = await (early ?? amid ?? close());
      if (refused !== undefined || when === "after") expect(refused, when).toMatchObject({ code: "session.missing" });
      expect(await refusal(prompt()), when).toMatchObject({
        code: expect.stringMatching(/^session\.(missing|closed)$/),
      });
    }
    expect(await kit.kernel.runs()).toEqual([]);
  });

  test("are removed with their log and their files, and followers hear of it", async () => {
    await using kit = await openKit({ store });
    const { id, session, prompt, witness } = await kit.open([[{ say: "a" }, { hang: true }]]);
    const turn = await prompt();
    const queued = await prompt();
    await witness.heard("turn.updated");
    const waiting = [turn, queued].map(({ id: one }) => refusal(session.ended(one)));
    const files = join(kit.stateDir, "sessions");
    expect(await readdir(files)).toEqual([id]);
    await kit.kernel.sessions.remove(id);
    await kit.kernel.sessions.remove(id);
    expect(await witness.over()).toBe("session.removed");
    expect(await readdir(files)).toEqual([]);
    expect(await kit.store.head(id)).toBeUndefined();
    expect(await refusal(kit.kernel.sessions.find(id))).toMatchObject({ code: "session.missing" });
    const [first, second] = await Promise.all(waiting);
    if (first) expect(first).toMatchObject({ code: "session.missing" });
    expect(second).toMatchObject({ code: "session.missing" });
    expect(await refusal(prompt())).toMatchObject({ code: "session.missing" });
    expect((await kit.processes.list()).length).toBe(0);
  });
});

test("a session that cannot be is refused when it is opened, and leaves nothing", async () => {
  await using kit = await openKit({ store: "memory" });
  const { sessions } = kit.kernel;
  const codeOf = async (over: object) => (await refusal(sessions.open({ agent: "scripted", ...over }))) as object;
  expect(await codeOf({ agent: "nobody" })).toMatchObject({ code: "agent.missing", more: { agents: ["scripted"] } });
  expect(await codeOf({ cwd: "relative" })).toMatchObject({ code: "workspace.missing" });
  expect(await codeOf({ cwd: join(kit.root, "nowhere") })).toMatchObject({ code: "workspace.missing" });
  expect(await codeOf({ options: { story: { turns: [] } } })).toMatchObject({ code: "agent.options" });
  expect(await codeOf({ options: { color: "red" } })).toMatchObject({ code: "agent.options" });
  expect(await codeOf({ secrets: { ANOTHER: "x" } })).toMatchObject({ code: "agent.options" });
  expect((await sessions.list({ limit: 1 })).items).toEqual([]);
});

test("a workspace that is gone when its harness is started fails the turn", async () => {
  await using kit = await openKit({ store: "memory" });
  const actor = await kit.open([["quote"]]);
  await rename(kit.cwd, `${kit.cwd}-elsewhere`);
  expect(await actor.play()).toMatchObject({ outcome: "failed", fault: { code: "workspace.missing" } });
  await rename(`${kit.cwd}-elsewhere`, kit.cwd);
  expect((await actor.play("back")).output).toBe("You said: back");
});

test("a rename and labels are kept, also of a closed session", async () => {
  await using kit = await openKit({ store: "memory" });
  const { session } = await kit.open([["quote"]], { title: "first" });
  expect(await session.change({ title: "second", labels: { a: "b" } })).toMatchObject({
    title: "second",
    labels: { a: "b" },
  });
  await session.change({ closed: true });
  expect(await session.change({ title: "third" })).toMatchObject({ title: "third", phase: "closed" });
  expect(await refusal(session.change({ labels: {} }))).toMatchObject({ code: "session.closed" });
});

test("a model and a mode are really changed, now or when the harness comes", async () => {
  await using kit = await openKit();
  const story = { models: ["small", "large"], modes: ["ask", "plan"] };
  const actor = await kit.open([["quote"]], { story, model: "large" });
  const { session, play, witness } = actor;
  const chosen = () => session.state().configOptions?.map(({ currentValue }) => currentValue);
  await play();
  await until(() => chosen()?.join() === "large,ask");
  await session.change({ mode: "plan", model: "small" });
  expect(session.state()).toMatchObject({ model: "small", mode: "plan" });
  await witness.heard("session.updated", ({ data }) => data.update.sessionUpdate === "config_option_update");
  await until(() => chosen()?.join() === "small,plan");
  expect(await refusal(session.change({ model: "huge" }))).toMatchObject({
    code: "agent.cannot",
    more: { offered: ["small", "large"] },
  });
  expect(session.state().model).toBe("small");
  await kit.restart();
  const back = await kit.find(actor.id);
  await back.session.change({ model: "large" });
  await back.play();
  await until(() => back.session.state().configOptions?.[0]?.currentValue === "large");
});

test("a harness that does not answer to another model holds up nobody for long (invariant 7)", async () => {
  await using kit = await openKit({ store: "memory", limits: { answerMs: 300 } });
  const { session, play } = await kit.open([["quote"]], { story: { models: ["small", "large"] } });
  await play();
  process.kill(session.state().harness!.pid!, "SIGSTOP");
  expect(await refusal(session.change({ model: "large" }))).toMatchObject({ code: "harness.stalled" });
  expect(session.state().model).toBeUndefined();
  expect(await session.change({ closed: true })).toMatchObject({ phase: "closed" });
});

describe("forks", () => {
  const turns = [["quote"], ["quote"], ["history"]];
  const said = (events: readonly SessionEvent[]) =>
    events.filter(({ type }) => type.startsWith("turn.")).map(({ type, turn, data }) => ({ type, turn, data }));

  test("at the end share all that was said, natively where the harness can, and go their own ways", async () => {
    await using kit = await openKit();
    const from = await kit.open(turns, {
      title: "trunk",
      labels: { a: "b" },
      policy: policy({ permissions: "allow" }),
    });
    await from.play("one");
    await from.play("two");
    const { id } = await from.session.fork({});
    const fork = await kit.find(id);
    expect(fork.session.state()).toMatchObject({
      title: "trunk (fork)",
      labels: { a: "b" },
      policy: { permissions: "allow" },
      forkedFrom: { session: from.id, cursor: from.session.state().cursor },
      turns: 2,
    });
    expect(said(await kit.events(id))).toEqual(said(await kit.events(from.id)));
    const history = await outputOf(fork, "three");
    expect(history).toBe("user: one\nagent: You said: one\nuser: two\nagent: You said: two\nuser: three");
    expect(fork.witness.all("harness.started").map(({ data }) => data.how)).toEqual(["fork"]);
    expect(fork.session.state().native).not.toBe(from.session.state().native);
    expect(await outputOf(from, "another three")).not.toContain("user: three");
  });

  test("at an earlier cursor are told what was said until then", async () => {
    await using kit = await openKit();
    const from = await kit.open([["quote"]]);
    await from.play("one");
    const cursor = from.session.state().cursor;
    await from.play("two");
    const { id } = await from.session.fork({ cursor, title: "branch" });
    const fork = await kit.find(id);
    expect(fork.session.state()).toMatchObject({ title: "branch", turns: 1, forkedFrom: { cursor } });
    const output = await outputOf(fork, "three");
    expect(output).toContain("User: one");
    expect(output).not.toContain("two");
    expect(fork.session.state().harness?.how).toBe("replay");
    await fork.witness.heard("harness.started", ({ data }) => data.how === "replay");
  });

  test("by a harness that cannot branch are told what was said", async () => {
    await using kit = await openKit({ store: "memory" });
    const from = await kit.open([["quote"]], { story: { capabilities: { fork: false } } });
    await from.play("one");
    const fork = await kit.find((await from.session.fork({})).id);
    expect(await outputOf(fork, "two")).toContain("User: one");
    expect(fork.session.state().harness?.how).toBe("replay");
  });

  test.each([
    ["a text", [{ say: "half" }, { hang: true }], "turn.updated"],
    ["a tool", [{ tool: { title: "Work", text: "x", unfinished: true } }, { hang: true }], "turn.updated"],
    ["a question", [{ ask: "Well?" }], "turn.asked"],
  ] as const)("in the middle of %s end the turn there, and leave the running one alone", async (_, steps, type) => {
    await using kit = await openKit({ store: "memory" });
    const from = await kit.open([steps, ["quote"]]);
    const turn = await from.prompt("one");
    await from.prompt("queued behind");
    await from.witness.heard(type);
    const fork = await kit.find((await from.session.fork({})).id);
    expect(fork.session.state()).toMatchObject({
      phase: "idle",
      queue: [],
      asks: [],
      turns: 1,
      lastTurn: { outcome: "cancelled" },
    });
    expect(from.session.state().turn?.id).toBe(turn.id);
    await from.session.cancel(turn.id);
  });

  test("are made once under one key, also after a restart", async () => {
    await using kit = await openKit();
    const from = await kit.open([["quote"]]);
    await from.play("one");
    const first = await from.session.fork({ title: "f" }, { key: "k" });
    expect(await from.session.fork({ title: "f" }, { key: "k" })).toEqual(first);
    expect(await refusal(from.session.fork({ title: "g" }, { key: "k" }))).toMatchObject({
      code: "request.key_reused",
    });
    await kit.restart();
    const back = await kit.find(from.id);
    expect(await back.session.fork({ title: "f" }, { key: "k" })).toEqual(first);
    expect((await kit.kernel.sessions.list({ limit: 10 })).items.length).toBe(2);
  });

  test("of a closed session go on; beyond its end there is nothing to fork", async () => {
    await using kit = await openKit({ store: "memory" });
    const from = await kit.open(turns);
    await from.play("one");
    await from.session.change({ closed: true });
    const fork = await kit.find((await from.session.fork({})).id);
    expect(await outputOf(fork, "two")).toContain("two");
    expect(await refusal(from.session.fork({ cursor: 999 }))).toMatchObject({ code: "cursor.ahead" });
  });

  test("outlive the session that they came from", async () => {
    await using kit = await openKit();
    const from = await kit.open(turns);
    await from.play("one");
    const fork = await kit.find((await from.session.fork({})).id);
    await kit.kernel.sessions.remove(from.id);
    await fork.play("two");
    expect(await outputOf(fork, "three")).toContain("user: one");
  });
});

describe("keys", () => {
  test("of prompts, answers and steering get the first answer again, and refuse another request", async () => {
    await using kit = await openKit({ store: "memory" });
    const ask = { ask: { title: "Well?", allowed: [{ sleep: 400 }, { say: "yes" }] } };
    const { session, witness } = await kit.open([[ask]], { story: { capabilities: { steer: true } } });
    const key = "same";
    const turn = await session.prompt({ prompt: blocks("a") }, { key });
    expect(await session.prompt({ prompt: blocks("a") }, { key })).toEqual(turn);
    expect(await refusal(session.prompt({ prompt: blocks("b") }, { key }))).toMatchObject({
      code: "request.key_reused",
    });
    const asked = (await witness.heard("turn.asked")).data.ask;
    const answered = await session.answer(asked, { decision: "allow" }, { key });
    expect(await session.answer(asked, { decision: "allow" }, { key })).toEqual(answered);
    expect(answered.asks).toEqual([]);
    expect(await refusal(session.answer(asked, { decision: "deny" }, { key }))).toMatchObject({
      code: "request.key_reused",
    });
    const steered = await session.steer(blocks("left"), { key });
    expect(await session.steer(blocks("left"), { key })).toEqual(steered);
    expect(await refusal(session.steer(blocks("right"), { key }))).toMatchObject({ code: "request.key_reused" });
    expect((await session.ended(turn.id)).output).toMatch(/^(Steered: left)?yes(Steered: left)?$/);
    expect(witness.all("turn.steered").length).toBe(1);
    expect(session.state().turns).toBe(1);
  });

  test("belong to one session: two sessions may use the same", async () => {
    await using kit = await openKit({ store: "memory" });
    const [one, two] = [await kit.open([["quote"]]), await kit.open([["quote"]])];
    const turns = [one, two].map(({ session }) => session.prompt({ prompt: blocks("a") }, { key: "k" }));
    const [a, b] = await Promise.all(turns);
    expect(a?.id).not.toBe(b?.id);
  });
});

describe("the environment of a harness", () => {
  /** Read from a file, for what a harness says of its secrets is kept out of the log. */
  const envOf = async (kit: Kit, secrets?: Record<string, string>): Promise<Record<string, string>> => {
    const cwd = await mkdtemp(join(kit.root, "env-"));
    const step = { tool: { title: "Tell", run: "env -0 > env.txt" } };
    const actor = await kit.open([[step]], { cwd, ...(secrets ? { secrets } : {}) });
    await actor.play();
    const lines = (await readFile(join(cwd, "env.txt"), "utf8")).split("\0").filter((line) => line !== "");
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
  };

  test("is what the host allows, its own secrets and its marks, and nothing of the daemon's (AR-01)", async () => {
    await using kit = await openKit({ store: "memory" });
    const { PWD, OLDPWD, _, SHLVL, ...env } = await envOf(kit, { SCRIPTED_KEY: "mine" });
    const own = Object.keys(env).filter((name) => !(name in hostEnv) && !name.startsWith("CORRAL_"));
    expect(own.sort()).toEqual(["HOME", "SCRIPTED_KEY", "TERM", "TMPDIR"]);
    for (const [name, value] of Object.entries(hostEnv)) expect(env[name]).toBe(value);
    // The runner of these tests has variables of its own, which are the canaries.
    const usual = new Set([...Object.keys(hostEnv), "HOME", "TERM", "TMPDIR"]);
    const canaries = Object.keys(process.env).filter((name) => !usual.has(name) && !name.startsWith("CORRAL_"));
    expect(canaries.length).toBeGreaterThan(0);
    expect(canaries.filter((name) => name in env)).toEqual([]);
  });

  test("has the secrets of its own session only, however many there are (AR-02, AR-03)", async () => {
    await using kit = await openKit({ store: "memory" });
    const before = { ...process.env };
    const keys = ["first-key-of-many", "second-key-of-many", undefined, "third-key-of-many"];
    const seen = await Promise.all(keys.map((key) => envOf(kit, key ? { SCRIPTED_KEY: key } : undefined)));
    expect(seen.map(({ SCRIPTED_KEY }) => SCRIPTED_KEY)).toEqual(keys);
    expect(process.env).toEqual(before);
  });
});

test("the transcript is told in pages, and nothing is left out between two of them", async () => {
  await using kit = await openKit({ store: "memory" });
  const { session, play } = await kit.open([[{ think: "hm" }, { tool: { title: "Look", text: "seen" } }, "quote"]]);
  await play("one");
  await play("two");
  const whole = (await session.transcript({ after: 0, limit: 1000 })).items;
  for (const limit of [1, 2, 3]) {
    const items = [];
    for (let after = 0; ; ) {
      const page = await session.transcript({ after, limit });
      items.push(...page.items);
      if (!page.next) break;
      after = Number(page.next);
    }
    expect(items).toEqual(whole);
  }
});

test("a page of events waits for the first one, and not longer than it was told", async () => {
  await using kit = await openKit({ store: "memory" });
  const { session } = await kit.open([["quote"]]);
  const after = session.state().cursor;
  expect((await session.read({ after, limit: 10, waitMs: 20 })).items).toEqual([]);
  const waiting = session.read({ after, limit: 10, waitMs: 20_000 });
  const turn = await session.prompt({ prompt: blocks("now") });
  expect((await waiting).items[0]?.cursor).toBe(after + 1);
  expect(await refusal(session.read({ after: 9999, limit: 1 }))).toMatchObject({ code: "cursor.ahead" });
  await session.ended(turn.id);
});

test("harnesses that are alive are told with their sessions, and let go when they have rested", async () => {
  await using kit = await openKit({ store: "memory", limits: { idleHarnessMs: 400 } });
  const { id, session, play, witness } = await kit.open([["count"]]);
  await play();
  const { pid, run } = session.state().harness!;
  expect(await kit.kernel.runs()).toMatchObject([{ run, session: id, agent: "scripted", pid }]);
  await witness.heard("harness.exited", ({ data }) => data.expected);
  expect(await kit.kernel.runs()).toEqual([]);
  expect((await play()).output).toBe("2 messages");
});

test("a session that was put away and is still held by somebody has one writer all the same (invariant 2)", async () => {
  await using kit = await openKit({ store: "memory" });
  const { sessions } = kit.kernel;
  const story = { turns: [{ steps: ["quote"] }] };
  const { id } = await sessions.open({ agent: "scripted", options: { story } });
  const held = await sessions.find(id);
  for (let at = 0; at < 1100; at++) await sessions.open({ agent: "scripted" });
  const other = (await sessions.list({ limit: 1 })).items[0]!;
  await kit.kernel.sessions.remove(other.id);
  await expect(sessions.find(other.id)).rejects.toMatchObject({ code: "session.missing" });
  const turns = await Promise.all(
    [held, await sessions.find(id)].map((one) => one.prompt({ prompt: blocks("hello") })),
  );
  for (const turn of turns) expect((await held.ended(turn.id)).output).toBe("You said: hello");
  expect((await sessions.find(id)).state()).toEqual(held.state());
  expect(held.state().turns).toBe(2);
});
