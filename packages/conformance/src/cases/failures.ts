/** The cases of a model that fails: the turn fails too and says why, and no error is told as if it were an answer. */
import assert from "node:assert/strict";
import type { WrittenStep } from "@corral/model";
import type { Item, Turn } from "@corral/protocol";
import type { Case } from "../case.ts";

/** A failed turn, with a reason that a program can read; what the agent said is only what the model had said. */
function failedWell(turn: Turn, said: string): void {
  const { outcome, fault, output = "" } = turn;
  assert.equal(outcome, "failed", JSON.stringify(turn));
  assert.equal(fault?.code, "harness.refused", JSON.stringify(fault));
  assert(fault.detail.length > 0);
  assert(said.startsWith(output), `an error is told as an answer: ${output}`);
}

const failing = (status: number, step: WrittenStep): Case => ({
  name: `error-${status}`,
  asksModel: true,
  says: `a model that answers ${status} fails the turn, and the session goes on when the model is well again`,
  rows: ["D-31"],
  async run(stage) {
    stage.play({ rules: [{ when: "Fail", steps: [step] }] });
    const actor = await stage.open();
    failedWell(await actor.say("Fail"), "");
    assert.equal((await actor.hear("ECHO:well again")).output, "well again");
  },
});

/** Told not to wait: how long a harness waits before it tries again is not the point. */
const error = (status: number): WrittenStep => ({
  error: { status, message: `The scripted model fails with ${status}`, retryAfterSeconds: 0 },
});

const half = "Half of an answer";
const whole = `${half}, and the other half.`;

const cut: Case = {
  name: "cut",
  asksModel: true,
  says: "a model whose answer always breaks off fails the turn, and what it had said is told once",
  rows: ["D-31"],
  async run(stage) {
    stage.play({ rules: [{ when: "Fail", steps: [{ text: { text: half, chunk: 5, delayMs: 20 } }, "cut"] }] });
    const actor = await stage.open();
    await actor.hear("ECHO:ready");
    failedWell(await actor.say("Fail"), half);
    assert.equal((await actor.hear("ECHO:well again")).output, "well again");
  },
};

const retried: Case = {
  name: "retried",
  asksModel: true,
  says: "an answer that broke off and is given again stands once in the transcript",
  async run(stage) {
    const broken = {
      when: { prompt: "Try", nth: 1 },
      steps: [{ text: { text: half, chunk: 5, delayMs: 60 } }, "cut" as const],
    };
    stage.play({ rules: [broken, { when: "Try", steps: [{ text: { text: whole, chunk: 5, delayMs: 60 } }] }] });
    const actor = await stage.open();
    await actor.hear("ECHO:ready");
    const turn = await actor.hear("Try");
    assert.equal(turn.output, whole);
    const isAnswer = ({ kind, role, turn: of }: Item) => kind === "message" && role === "assistant" && of === turn.id;
    const said = (await actor.items()).filter(isAnswer);
    assert.equal(
      said.flatMap(({ parts }) => parts.map((part) => (part.type === "text" ? part.text : ""))).join(""),
      whole,
    );
  },
};

export const failureCases: readonly Case[] = [
  failing(400, error(400)),
  failing(429, error(429)),
  failing(500, error(500)),
  cut,
  retried,
];
