/** The cases of what an agent says. */
import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { canary, type Stage } from "../stage.ts";

const greeting = "Good morning, and in case I do not see you, good afternoon, good evening and good night.";

async function greetWithoutModel(stage: Stage): Promise<void> {
  const actor = await stage.open();
  const { understands = true } = stage.ways.found ?? {};
  const turn = await actor.begin(understands ? "SLOW" : "Hello");
  await actor.ear.heard("turn.updated", (event) => event.turn === turn.id && actor.ear.saidIn(turn.id) !== "");
  if (understands) assert.equal(actor.session.state().phase, "running", "the first words came only with the last");
  const { outcome, output = "" } = await actor.ended(turn);
  assert.equal(outcome, "completed");
  assert.notEqual(output, "");
}

const greet: Case = {
  name: "greet",
  anyWords: true,
  says: "a greeting comes as it is said, from the model and with the key that the session was given",
  rows: ["D-31"],
  async run(stage) {
    stage.play({ rules: [{ when: "Hello", steps: [{ text: { text: greeting, chunk: 9, delayMs: 150 } }] }] });
    if (!stage.seesModel) return greetWithoutModel(stage);
    const actor = await stage.open();
    // Some tell their very first answer in one piece, while they are still busy with starting.
    await actor.hear("ECHO:ready");
    const turn = await actor.begin("Hello");
    await actor.ear.words(turn.id, "Good");
    assert(
      stage.calls().some(({ endedAt }) => endedAt === undefined),
      "the first words came only with the last",
    );
    assert.equal((await actor.ended(turn)).output, greeting);
    assert.equal(actor.session.state().lastTurn?.outcome, "completed");
    if (!stage.ways.found) assert.equal(stage.lastCall.model, stage.models[0]);
    assert(
      stage.ways.found || stage.model.journal().every((call) => stage.showsKey(call)),
      "a request without the session's key",
    );
    assert(!stage.processes().some((line) => line.includes(canary)), "the key is in a process list (invariant 8)");
  },
};

const think: Case = {
  name: "think",
  says: "a thought is told as a thought, not as text",
  needs: "reasoning",
  async run(stage) {
    const actor = await stage.open();
    assert.equal((await actor.hear("THINK ECHO:thought of")).output, "thought of");
    const said = (await actor.items()).flatMap(({ parts }) => parts);
    const thoughts = said.flatMap((part) => (part.type === "reasoning" ? [part.text] : []));
    if (thoughts.length === 0) stage.lacks("it tells no thoughts");
    assert.equal(thoughts.join(""), "Let me think about it.");
  },
};

const image: Case = {
  name: "image",
  says: "a picture in a prompt reaches the model",
  needs: "images",
  asksModel: true,
  async run(stage) {
    const actor = await stage.open();
    const dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    await actor.hear([
      { type: "text", text: "ECHO:a dot" },
      { type: "image", mimeType: "image/png", data: dot },
    ]);
    assert.equal(stage.lastCall.imageCount, 1, "the picture did not reach the model");
    assert((actor.session.state().harness?.can ?? []).includes("image"));
  },
};

export const textCases: readonly Case[] = [greet, think, image];
