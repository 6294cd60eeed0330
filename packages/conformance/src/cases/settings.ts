/** The cases of choosing: another model, another mode. */
import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import type { Actor } from "../stage.ts";

/** Whatever the harness offers to choose from, in all shapes in which it is offered. */
function offeredBy(actor: Actor): readonly string[] {
  const [started] = actor.ear.all("harness.started");
  const values: string[] = [];
  JSON.stringify(started?.data, (key, value: unknown) => {
    if ((key === "value" || key === "id" || key === "modelId") && typeof value === "string") values.push(value);
    return value;
  });
  return values;
}

const model: Case = {
  name: "model",
  says: "another model is asked as soon as it is chosen, also after the harness has gone",
  async run(stage) {
    const actor = await stage.open();
    await actor.hear("ECHO:one");
    const [first, other] = stage.models;
    assert.equal(stage.lastCall.model, first);
    const wanted = offeredBy(actor).find((value) => value === other || value.endsWith(`/${other}`)) ?? other;
    await actor.session.change({ model: wanted });
    await actor.hear("ECHO:two");
    assert.equal(stage.lastCall.model, other);
    process.kill(actor.pid, "SIGKILL");
    await actor.ear.heard("harness.exited");
    await actor.hear("ECHO:three");
    assert.equal(stage.lastCall.model, other, "the choice was forgotten with the harness");
  },
};

const mode: Case = {
  name: "mode",
  says: "another mode changes what the model is asked, or what it may do",
  needs: "planMode",
  async run(stage) {
    const { mode: wanted } = stage.ways;
    assert(wanted, "the test of this harness names no mode");
    const actor = await stage.open();
    await actor.hear("ECHO:one");
    const before = stage.lastCall;
    await actor.session.change({ mode: wanted.to });
    await actor.hear("ECHO:two");
    assert(wanted.shows(before, stage.lastCall), `nothing shows the mode ${wanted.to}`);
    assert.equal(actor.session.state().mode, wanted.to);
  },
};

const dialects: Case = {
  name: "dialects",
  says: "every dialect that the harness says it speaks reaches the model, with the key that is meant for it",
  async run(stage) {
    for (const dialect of stage.ways.alsoSpeaks ?? []) {
      const actor = await stage.open(stage.request({}, dialect));
      assert.equal((await actor.hear(`ECHO:in ${dialect}`)).output, `in ${dialect}`);
      assert.equal(stage.lastCall.dialect, dialect);
      assert.equal(stage.lastCall.model, stage.models[0]);
      assert(
        stage.model.journal().every((call) => stage.showsKey(call)),
        "a request without the session's key",
      );
    }
  },
};

export const settingCases: readonly Case[] = [model, mode, dialects];
