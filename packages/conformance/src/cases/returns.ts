/** The cases of conversations that go on: after the harness has gone, after the daemon was killed, and on two roads from a fork. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { SessionId, TurnId } from "@corral/protocol";
import type { Actor } from "../actor.ts";
import { Aside, type Case } from "../case.ts";
import { within } from "../ear.ts";
import { canary, type Stage } from "../stage.ts";

/**
 * Asks the model how many messages of a person it sees. A harness whose memory was retold to it has them all in one, which
 * must then quote what was said.
 */
async function remembers(
  stage: Stage,
  actor: Actor,
  said: readonly string[],
  shows?: "resume" | "fork",
): Promise<void> {
  const { output = "" } = await actor.hear("COUNT");
  const how = howNow(actor);
  if (how && shows) stage.observed[shows] = how;
  if (how !== "replay") assert.equal(output, `user_messages=${said.length + 1}`, `after a ${how}`);
  if (!stage.seesModel && how !== "replay") return;
  if (!stage.seesModel)
    throw new Aside("unseen", "it is told what was said, and asks no model that could be looked at");
  for (const text of said) assert(stage.lastCall.userText?.includes(text), `"${text}" is forgotten after a ${how}`);
}

const howNow = (actor: Actor) => actor.ear.all("harness.started").at(-1)?.data.how;

async function kill(actor: Actor, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  const run = actor.session.state().harness?.run;
  process.kill(actor.pid, signal);
  await actor.ear.heard("harness.exited", ({ data }) => data.run === run);
}

const afterExit: Case = {
  name: "resume-exit",
  says: "a harness that has left is brought back by the next prompt, with all that was said",
  rows: ["AR-19"],
  async run(stage) {
    const actor = await stage.open();
    await actor.hear("ECHO:one");
    await actor.hear("ECHO:two");
    await kill(actor, "SIGTERM");
    await remembers(stage, actor, ["ECHO:one", "ECHO:two"], "resume");
    assert.equal(
      actor.ear.all("turn.updated").filter(({ data }) => data.update.sessionUpdate === "user_message_chunk").length,
      0,
    );
  },
};

const afterKill: Case = {
  name: "resume-kill",
  says: "a harness that is killed while text comes fails its turn at once, and the next prompt finds all that was said",
  rows: ["DR-09", "AR-19"],
  async run(stage) {
    const actor = await stage.open();
    await actor.hear("ECHO:one");
    const turn = await actor.begin("SLOW please");
    await actor.ear.words(turn.id, "tick02");
    await kill(actor, "SIGKILL");
    const { outcome, fault } = await actor.ended(turn);
    assert.deepEqual([outcome, fault?.code], ["failed", "harness.crashed"]);
    await remembers(stage, actor, ["ECHO:one", "SLOW please"]);
  },
};

const daemonProgram = fileURLToPath(new URL("../programs/case-daemon.ts", import.meta.url));

interface Told {
  readonly id: SessionId;
  readonly turn: TurnId;
}

/** A daemon of its own, which holds a conversation and begins another answer. */
async function startDaemon(stage: Stage): Promise<{ child: ChildProcess; told: Told }> {
  const { root, surroundings, recipe } = stage;
  const wanted = { root, surroundings, recipe, request: stage.request() };
  const child = spawn(process.execPath, [daemonProgram, JSON.stringify(wanted)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await within(once(lines, "line"), () => "the word of the daemon");
  return { child, told: JSON.parse(String(line)) };
}

const afterDaemon: Case = {
  name: "resume-daemon",
  says: "a daemon that is killed while text comes leaves nothing running, ends the turn as lost, and the conversation goes on",
  rows: ["AR-19"],
  looksAtProcesses: true,
  async run(stage) {
    await stage.stop();
    const { child, told } = await startDaemon(stage);
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    await stage.start();
    const actor = await stage.find(told.id);
    assert.deepEqual(stage.processes(), [], "the former daemon's harness lives on");
    const { outcome, fault } = await actor.session.turn(told.turn);
    assert.deepEqual([outcome, fault?.code], ["lost", "turn.lost"]);
    // Secrets are in memory only: whoever prompts after a restart hands them over again.
    await actor.session.change({ secrets: Object.fromEntries(stage.harness.secrets.map((name) => [name, canary])) });
    await remembers(stage, actor, ["ECHO:one", "SLOW please"]);
  },
};

const fork: Case = {
  name: "fork",
  says: "a fork knows what was said before it, and neither road hears of the other",
  rows: ["AR-19"],
  async run(stage) {
    const actor = await stage.open();
    await actor.hear("ECHO:before");
    const { id } = await actor.session.fork({ secrets: stage.request().secrets ?? {} });
    const other = await stage.find(id);
    await actor.hear("ECHO:here");
    await remembers(stage, other, ["ECHO:before"], "fork");
    if (stage.seesModel) assert(!stage.lastCall.userText?.includes("ECHO:here"));
    await remembers(stage, actor, ["ECHO:before", "ECHO:here"]);
  },
};

const load: Case = {
  name: "load",
  says: "a conversation that is loaded by session/load is all there",
  only: "command",
  claims: "load",
  agent: { restores: ["load"] },
  async run(stage) {
    const actor = await stage.open();
    await actor.hear("ECHO:one");
    await kill(actor, "SIGTERM");
    await remembers(stage, actor, ["ECHO:one"]);
    assert.equal(howNow(actor), "load", "session/load was refused");
  },
};

export const returnCases: readonly Case[] = [afterExit, afterKill, afterDaemon, load, fork];
