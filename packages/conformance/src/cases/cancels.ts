/** The cases of turns that are cancelled, and of prompts that wait for each other. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "@corral/kernel";
import type { Actor } from "../actor.ts";
import type { Case } from "../case.ts";
import { until } from "../ear.ts";

/** Corral ends a harness that does not end its turn; then the turn is over, but not by the harness's doing. */
const endedByItself = ({ ear }: Actor): void =>
  assert.equal(
    ear.all("harness.exited").length,
    0,
    "it did not end its turn when it was told to, and had to be killed",
  );

const cancelText: Case = {
  name: "cancel-text",
  says: "a turn that is cancelled while text comes ends as cancelled, the model is left alone, and the session goes on",
  rows: ["D-31"],
  async run(stage) {
    const actor = await stage.open();
    const turn = await actor.begin("SLOW");
    await actor.ear.words(turn.id, "tick02");
    const startedMs = systemClock.monotonicMs();
    assert.equal((await actor.session.cancel(turn.id)).outcome, "cancelled");
    await actor.ended(turn);
    stage.observed.cancelTextMs = Math.round(systemClock.monotonicMs() - startedMs);
    endedByItself(actor);
    if (stage.seesModel)
      await until("the end of the call of the model", () => stage.calls().some(({ aborted }) => aborted));
    assert(!actor.ear.saidIn(turn.id).includes("tick59"));
    assert.equal((await actor.hear("ECHO:still here")).output, "still here");
  },
};

const cancelTool: Case = {
  name: "cancel-tool",
  says: "a turn that is cancelled while a tool runs ends as cancelled, the tool's own shell is dead, and the session goes on",
  rows: ["D-31"],
  looksAtProcesses: true,
  async run(stage) {
    const actor = await stage.open();
    const turn = await actor.begin("RUN_TOOL[while true; do sleep 0.2; echo x >> ticks.txt; done]");
    const ticks = until("the first tick", () => existsSync(join(stage.cwd, "ticks.txt")));
    await Promise.race([ticks, actor.session.ended(turn.id)]);
    // Found from outside: in a sandbox a shell has another number for itself than the host has.
    const shells = () => stage.processes().filter((line) => line.includes("ticks.txt"));
    assert(shells().length > 0, "the tool has ended by itself");
    const startedMs = systemClock.monotonicMs();
    await actor.session.cancel(turn.id);
    assert.equal((await actor.ended(turn)).outcome, "cancelled");
    stage.observed.cancelToolMs = Math.round(systemClock.monotonicMs() - startedMs);
    endedByItself(actor);
    await until("the end of the tool's shell", () => shells().length === 0, 10_000);
    // Whether what was broken off is told as failed or as completed is the harness's word; it is told as over.
    const calls = (await actor.items()).filter(({ kind }) => kind === "tool_call");
    assert.equal(calls.length, 1);
    assert(calls.every(({ status }) => status !== "in_progress"));
    assert.equal((await actor.hear("ECHO:still here")).output, "still here");
  },
};

const queue: Case = {
  name: "queue",
  says: "a second prompt while the first is answered waits for its turn: two turns, each with its own answer",
  async run(stage) {
    const words = Array.from({ length: 12 }, (_, at) => `word${at} `).join("");
    stage.play({ rules: [{ when: "first", steps: [{ text: { text: words, chunk: 6, delayMs: 250 } }] }] });
    const actor = await stage.open();
    const first = await actor.begin(stage.seesModel ? "the first prompt" : "SLOW");
    await actor.ear.words(first.id, stage.seesModel ? "word0" : "tick00");
    const second = await actor.begin("ECHO:the other answer");
    assert.equal((await actor.session.turn(second.id)).state, "queued");
    assert.equal((await actor.ended(second)).output, "the other answer");
    assert((await actor.session.turn(first.id)).output?.endsWith(stage.seesModel ? words : "tick59 "));
    const [ended, started] = [actor.ear.all("turn.ended"), actor.ear.all("turn.started")];
    assert.deepEqual(
      ended.map(({ turn, data }) => [turn, data.outcome]),
      [first, second].map(({ id }) => [id, "completed"]),
    );
    assert((started[1]?.cursor ?? 0) > (ended[0]?.cursor ?? 0), "the second began before the first had ended");
    if (!stage.seesModel) return;
    assert.deepEqual(
      stage.calls().map(({ userMessages }) => userMessages),
      [1, 2],
    );
  },
};

export const cancelCases: readonly Case[] = [cancelText, cancelTool, queue];
