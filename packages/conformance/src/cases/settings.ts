/** The cases of choosing: another model, another mode. */
import assert from "node:assert/strict";
import type { Call } from "@corral/model";
import type { Actor } from "../actor.ts";
import type { Case, Ways } from "../case.ts";
import type { Stage } from "../stage.ts";

/** The modes that it offers, whether as modes or as an option of the category. */
function modesIn(actor: Actor): readonly string[] {
  const { modes, configOptions = [] } = actor.ear.all("harness.started")[0]?.data ?? {};
  const named = JSON.stringify(
    modes?.availableModes ?? configOptions.find(({ category }) => category === "mode") ?? [],
  );
  return [...named.matchAll(/"(?:id|value)":"([^"]+)"/g)]
    .map(([, name = ""]) => name)
    .filter((name) => name !== "mode");
}

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

interface Models {
  /** As the model server hears them. */
  readonly first: string;
  readonly other: string;
  /** As the harness calls the other one. */
  readonly wanted: (actor: Actor) => string;
}

/** A program's own names may have a provider in front, which a model server does not hear. */
const bare = (name: string): string => name.split("/").at(-1) ?? name;

function modelsOf(stage: Stage): Models {
  const { found } = stage.ways;
  if (found) {
    const { current, other } = found.model ?? stage.lacks("it offers no choice of model");
    return { first: bare(current), other: bare(other), wanted: () => other };
  }
  const [first, other] = stage.models;
  const named = (value: string) => value === other || value.endsWith(`/${other}`);
  return { first, other, wanted: (actor) => offeredBy(actor).find(named) ?? other };
}

const model: Case = {
  name: "model",
  rows: ["D-09"],
  says: "another model is asked as soon as it is chosen, also after the harness has gone",
  asksModel: true,
  async run(stage) {
    const { wanted, first, other } = modelsOf(stage);
    const actor = await stage.open();
    await actor.hear("ECHO:one");
    assert.equal(stage.lastCall.model, first);
    await actor.session.change({ model: wanted(actor) });
    await actor.hear("ECHO:two");
    assert.equal(stage.lastCall.model, other, "the model that was chosen was not asked");
    process.kill(actor.pid, "SIGKILL");
    await actor.ear.heard("harness.exited");
    await actor.hear("ECHO:three");
    assert.equal(stage.lastCall.model, other, "the choice was forgotten with the harness");
  },
};

const differs = (before: Call, after: Call): boolean =>
  before.systemSha256 !== after.systemSha256 ||
  before.tools?.join() !== after.tools?.join() ||
  (before.effort ?? "") !== (after.effort ?? "");

function modeOf({ ways: { mode: known, found } }: Stage): NonNullable<Ways["mode"]> {
  if (known) return known;
  assert(found?.mode, "nobody has named a mode");
  return { to: found.mode.other, shows: differs };
}

const mode: Case = {
  name: "mode",
  rows: ["D-09"],
  says: "another mode changes what the model is asked, or what it may do",
  needs: "planMode",
  asksModel: true,
  async run(stage) {
    const { to, shows } = modeOf(stage);
    const actor = await stage.open();
    await actor.hear("ECHO:one");
    const before = stage.lastCall;
    await actor.session.change({ mode: to });
    await actor.hear("ECHO:two");
    assert(shows(before, stage.lastCall), `nothing shows the mode ${to}`);
    assert.equal(actor.session.state().mode, to);
    stage.observed.modes = modesIn(actor);
  },
};

const dialects: Case = {
  name: "dialects",
  only: "driver",
  manyDialects: true,
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
