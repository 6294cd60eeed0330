/** Restarts: nothing that was acknowledged is lost, what ran is ended as lost, and what was accepted goes on. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { stores } from "@corral/drivers";
import { isClean, type SessionEvent, type SessionId, type TurnId } from "@corral/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { createKernel } from "../kernel.ts";
import { systemClock } from "../ports/clock.system.ts";
import type { Processes } from "../process/process.ts";
import { createProcesses, ownerOf } from "../process/processes.ts";
import { blocks, isRunning, type Kit, openKit, policy, until } from "./kit.fixture.ts";

const program = fileURLToPath(new URL("./life.fixture.ts", import.meta.url));
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

interface Told {
  readonly id: SessionId;
  readonly accepted: readonly TurnId[];
}

const started = new Set<ChildProcess>();
afterEach(() => {
  for (const child of started) child.kill("SIGKILL");
  started.clear();
});

/** A former life of the daemon in a process of its own, which dies without a word when the condition holds. */
async function live(kit: Kit, sessions: readonly object[], enough: (events: readonly SessionEvent[]) => boolean) {
  await kit.stop();
  const child = spawn(process.execPath, [program, JSON.stringify({ root: kit.root, sessions })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.add(child);
  const told: Told[] = [];
  const events: SessionEvent[] = [];
  for await (const line of createInterface({ input: child.stdout! })) {
    const { event, ...rest } = JSON.parse(line) as Told & { event?: SessionEvent };
    if (event) events.push(event);
    else told.push(rest);
    if (told.length === sessions.length && enough(events)) break;
  }
  child.kill("SIGKILL");
  await new Promise((resolve) =>
    (child.exitCode ?? child.signalCode) ? resolve(undefined) : child.once("exit", resolve),
  );
  return { told, events };
}

async function bytesOf(dir: string): Promise<string> {
  const names = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = names.filter((one) => one.isFile()).map((one) => readFile(join(one.parentPath, one.name), "latin1"));
  return (await Promise.all(files)).join("\n");
}

test("a session outlives its harness, its daemon and its viewer (invariant 1)", async () => {
  await using kit = await openKit();
  const { id, play } = await kit.open([["quote"], ["history"]]);
  await play("remember me");
  const before = await kit.events(id);
  await kit.restart();
  const back = await kit.find(id);
  expect(back.session.state()).toMatchObject({ phase: "idle", turns: 1 });
  expect(back.session.state().harness).toBeUndefined();
  expect((await kit.events(id)).slice(0, before.length)).toEqual(before);
  expect((await back.play("do you?")).output).toContain("user: remember me");
  expect(back.session.state().harness?.how).toBe("resume");
});

test("a turn that runs when the daemon is stopped is ended as cancelled by it, and what is queued goes on later", async () => {
  await using kit = await openKit();
  const { id, session, prompt, witness } = await kit.open([[{ say: "a" }, { hang: false }], ["quote"]]);
  const running = await prompt();
  await witness.heard("turn.updated");
  const queued = await prompt("patience");
  const waiting = refusal(session.ended(queued.id));
  await kit.stop();
  expect(witness.end).toBe("daemon.stopping");
  expect(await waiting).toMatchObject({ code: "daemon.stopping" });
  await kit.start();
  const back = await kit.find(id);
  expect(await back.session.ended(running.id)).toMatchObject({
    outcome: "cancelled",
    fault: { code: "daemon.stopping" },
  });
  expect(await back.session.ended(queued.id)).toMatchObject({ outcome: "completed", output: "You said: patience" });
});

test("a daemon that is stopped the moment it takes a prompt does not wait for the turn (invariant 7)", async () => {
  for (let round = 0; round < 4; round++) {
    await using kit = await openKit({ store: round % 2 ? "memory" : "sqlite" });
    const { id, prompt } = await kit.open([[{ hang: false }]]);
    const turn = await prompt();
    for (let step = 0; step < round; step++) await Promise.resolve();
    await kit.stop();
    await kit.start();
    const back = await kit.find(id);
    if ((await back.session.turn(turn.id)).state !== "ended") await back.session.cancel(turn.id);
    expect((await back.session.turn(turn.id)).outcome).toBe("cancelled");
  }
});

describe("a daemon that is killed", () => {
  const isUpdate = ({ type }: SessionEvent) => type === "turn.updated";

  test("in the middle of a turn: the turn is lost before anything else happens, its harness is swept, and the queue goes on (invariant 6, DR-09)", async () => {
    await using kit = await openKit();
    const turns = [["double-fork", { say: "a" }, { hang: false }], ["quote"]];
    const { told, events } = await live(kit, [{ turns, prompts: 3 }], (all) => all.some(isUpdate));
    const [{ id, accepted }] = told as [Told];
    const pid = events.flatMap((event) => (event.type === "harness.started" ? [event.data.pid ?? 0] : []))[0] ?? 0;
    const grandchild = Number(await readFile(join(kit.cwd, "grandchild.pid"), "utf8"));
    expect(isRunning(grandchild)).toBe(true);
    await kit.start();
    expect([pid, grandchild].map(isRunning)).toEqual([false, false]);
    const { session } = await kit.find(id);
    const ended = await Promise.all(accepted.map((turn) => session.ended(turn)));
    expect(ended.map(({ outcome }) => outcome)).toEqual(["lost", "completed", "completed"]);
    expect(ended[0]).toMatchObject({ fault: { code: "turn.lost" }, output: "a" });
    const log = await kit.events(id);
    expect(log.slice(0, events.length)).toEqual(events);
    const after = log.slice(log.findIndex((event) => event.type === "harness.exited"));
    const types = ["harness.exited", "run.residue", "turn.ended", "turn.started"];
    expect(after.slice(0, 4).map(({ type }) => type)).toEqual(types);
    const swept = { processes: expect.arrayContaining([expect.objectContaining({ pid: grandchild })]) };
    expect(after[1]).toMatchObject({ synthetic: true, source: "daemon", data: { processes: [], swept } });
    expect(kit.kernel.swept).toMatchObject([swept]);
    expect((await session.residue()).every(isClean)).toBe(true);
  });

  test("in the middle of many turns: what is left of their harnesses is looked for once, not once for each", async () => {
    await using kit = await openKit();
    const one = { turns: [[{ say: "a" }, { hang: false }]], prompts: 1 };
    const { told } = await live(kit, [one, one, one], (all) => all.filter(isUpdate).length === 3);
    const { stateDir } = kit;
    const [clock, hostEnv, looks] = [systemClock, {}, [] as string[]];
    await using store = await stores.sqlite.open({ dir: stateDir, clock });
    await using processes = createProcesses({ clock, stateDir, owner: ownerOf(stateDir), hostEnv });
    const counted: Processes = {
      ...processes,
      residue: (run) => processes.residue(run).finally(() => looks.push("of one")),
      leftovers: () => processes.leftovers().finally(() => looks.push("of all")),
    };
    const need = { store, clock, stateDir, hostEnv, defaultCwd: kit.cwd, harnesses: [] };
    await using kernel = await createKernel({ ...need, processes: counted });
    for (const { id, accepted } of told) {
      expect(await (await kernel.sessions.find(id)).turn(accepted[0]!)).toMatchObject({ outcome: "lost" });
    }
    expect([kernel.swept.length, looks]).toEqual([3, ["of all"]]);
  });

  test("in the middle of a tool: the tool is told to have failed (D-33)", async () => {
    await using kit = await openKit();
    const turns = [[{ tool: { title: "Sleep", kind: "execute", run: "exec sleep 600" } }], ["count"]];
    const running = (all: readonly SessionEvent[]) =>
      all.some((event) => event.type === "turn.updated" && event.data.update.status === "in_progress");
    const { told } = await live(kit, [{ turns, prompts: 1 }], running);
    await kit.start();
    const { session, play } = await kit.find(told[0]!.id);
    expect(await session.ended(told[0]!.accepted[0]!)).toMatchObject({ outcome: "lost" });
    expect((await play()).output).toBe("2 messages");
  });

  test("while a person is asked: the ask is closed", async () => {
    await using kit = await openKit();
    const { told } = await live(kit, [{ turns: [[{ ask: "Well?" }], ["count"]], prompts: 1 }], (all) =>
      all.some(({ type }) => type === "turn.asked"),
    );
    await kit.start();
    const { session, play, witness } = await kit.find(told[0]!.id);
    expect(session.state()).toMatchObject({ phase: "idle", asks: [] });
    expect(await witness.heard("turn.answered")).toMatchObject({ synthetic: true, data: { by: "cancel" } });
    expect((await play()).output).toBe("2 messages");
  });

  test("with secrets: its queued turns are lost, and prompts are refused until the secrets are given again (invariant 8)", async () => {
    await using kit = await openKit();
    const secrets = { SCRIPTED_KEY: "canary-3f9a1c" };
    const turns = [[{ say: "a" }, { hang: false }], ["quote"]];
    const { told } = await live(kit, [{ turns, prompts: 3, secrets }], (all) => all.some(isUpdate));
    const [{ id, accepted }] = told as [Told];
    expect(await bytesOf(kit.stateDir)).not.toContain("canary-3f9a1c");
    await kit.start();
    const { session, prompt, play } = await kit.find(id);
    const ended = await Promise.all(accepted.map((turn) => session.ended(turn)));
    expect(ended.map(({ outcome, fault }) => [outcome, fault?.code])).toEqual([
      ["lost", "turn.lost"],
      ["lost", "turn.secrets_lost"],
      ["lost", "turn.secrets_lost"],
    ]);
    expect(await refusal(prompt())).toMatchObject({ code: "turn.secrets_lost", more: { names: ["SCRIPTED_KEY"] } });
    expect(await refusal(session.change({ secrets: { OTHER: "x" } }))).toMatchObject({ code: "agent.options" });
    await session.change({ secrets: { SCRIPTED_KEY: "canary-77e0b2" } });
    expect((await play("at last")).output).toBe("You said: at last");
    await kit.stop();
    expect(await bytesOf(kit.stateDir)).not.toMatch(/canary/);
    await kit.start();
  });
});

test("an ask of a paused turn and all settings outlive the daemon", async () => {
  await using kit = await openKit();
  const { id, play, session } = await kit.open([[{ ask: "Well?" }]], {
    title: "A name",
    labels: { team: "blue" },
    policy: policy({ deadlineMs: 50, onExpire: "pause" }),
  });
  expect((await play()).outcome).toBe("paused");
  await session.change({ title: "Another name", labels: { team: "red" } });
  const before = session.state();
  await kit.restart();
  const { cursor, updatedAt, harness, ...rest } = (await kit.find(id)).session.state();
  expect(before).toMatchObject(rest);
  expect(rest.asks.length).toBe(1);
});

test("a retry of a prompt gets the first answer, also from the next daemon", async () => {
  await using kit = await openKit();
  const { id, session } = await kit.open([["quote"]]);
  const first = await session.prompt({ prompt: blocks("once") }, { key: "k1" });
  await session.ended(first.id);
  await kit.restart();
  const back = await kit.find(id);
  expect(await back.session.prompt({ prompt: blocks("once") }, { key: "k1" })).toEqual(first);
  expect(await refusal(back.session.prompt({ prompt: blocks("twice") }, { key: "k1" }))).toMatchObject({
    code: "request.key_reused",
  });
  await until(() => back.session.state().queue.length === 0);
  expect(back.session.state().turns).toBe(1);
});

test("a session whose log cannot be read keeps no other from coming back, and is refused when it is asked for", async () => {
  await using kit = await openKit();
  const { id, play } = await kit.open([["quote"]]);
  await play("hello");
  const broken = "ses_0000000000000000000000000z" as SessionId;
  await kit.store.append({ subject: broken, expected: 0, entries: ['{"type":"turn.started","data":{}}'] });
  await kit.restart();
  expect((await kit.kernel.sessions.find(id)).state().turns).toBe(1);
  expect(await refusal(kit.kernel.sessions.find(broken))).toBeInstanceOf(Error);
  expect(kit.surprises.splice(0)).toHaveLength(1);
});
