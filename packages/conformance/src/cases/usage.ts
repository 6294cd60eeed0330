/** The case of counting: what a turn cost is what the model server said, once. */
import assert from "node:assert/strict";
import type { Call } from "@corral/model";
import type { Usage } from "@corral/protocol";
import type { Case } from "../case.ts";

const sum = (counts: readonly (number | undefined)[]): number =>
  counts.reduce<number>((total, one) => total + (one ?? 0), 0);

/** Some count what was cached among the input, and what was thought among the output; others beside. */
function sameAs(usage: Usage, calls: readonly Call[]): void {
  const said = `${JSON.stringify(usage)} for ${JSON.stringify(calls.map((call) => call.usage))}`;
  const { inputTokens = 0, outputTokens = 0, cachedReadTokens = 0, cachedWriteTokens = 0, thoughtTokens = 0 } = usage;
  const [input, output] = [sum(calls.map((call) => call.usage?.input)), sum(calls.map((call) => call.usage?.output))];
  assert([inputTokens, inputTokens + cachedReadTokens + cachedWriteTokens].includes(input), said);
  assert([outputTokens, outputTokens + thoughtTokens].includes(output), said);
}

const usage: Case = {
  name: "usage",
  asksModel: true,
  says: "the tokens of a turn are those that the model server counted, those of its tools too, each once",
  async run(stage) {
    const actor = await stage.open();
    const plain = await actor.hear("ECHO:one");
    const first = plain.usage ?? stage.lacks("it counts nothing");
    sameAs(first, stage.calls());
    const before = stage.calls().length;
    const { usage: counted } = await actor.hear("RUN_TOOL");
    assert(counted, "nothing was counted");
    assert.equal(stage.calls().length, before + 2);
    sameAs(counted, stage.calls().slice(before));
    sameAs(actor.session.state().usage, stage.calls());
  },
};

export const usageCases: readonly Case[] = [usage];
