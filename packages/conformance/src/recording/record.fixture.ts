/** A program that plays a conversation with a real harness and prints all that the two sides wrote to each other, one frame a line. */
import { homedir } from "node:os";
import { dirname } from "node:path";
import { harnesses } from "@corral/drivers";
import type { Harness } from "@corral/kernel";
import type { Actor } from "../actor.ts";
import type { Ways } from "../case.ts";
import { agentsDir, here } from "../here.conformance.ts";
import { policy, Stage } from "../stage.ts";
import { tap } from "../tap.ts";
import { processNote } from "./player.conformance.ts";
import { createScrubber } from "./scrub.conformance.ts";

const [id = "", dialect = "chat"] = process.argv.slice(2);
const known = harnesses.find((one) => one.id === id);
if (!known) throw new Error(`there is no harness ${id}`);

const startedMs = performance.now();
const lines: string[] = [];
const note = (text: string) => lines.push(JSON.stringify({ t: Math.round(performance.now() - startedMs), note: text }));

/** Which models a vendor has is no part of the conversation, and changes with every release: only those of the gateway are kept. */
function withoutCatalogue(frame: { readonly data?: { readonly models?: unknown } }): unknown {
  const { models } = frame.data ?? {};
  if (!Array.isArray(models)) return frame;
  return { ...frame, data: { ...frame.data, models: models.filter(({ provider }) => provider === "gateway") } };
}

const overheard = tap(known, {
  listen: (dir, line) => {
    const t = Math.round(performance.now() - startedMs);
    try {
      lines.push(JSON.stringify({ t, dir, msg: withoutCatalogue(JSON.parse(line)) }));
    } catch {
      lines.push(JSON.stringify({ t, dir, stray: line }));
    }
  },
});
const harness: Harness = {
  ...overheard,
  connect(need) {
    note(processNote);
    return overheard.connect(need);
  },
};

const steps: readonly (readonly [string, (actor: Actor, stage: Stage) => Promise<unknown>])[] = [
  ["greet", (actor) => actor.say("hi there")],
  ["think", (actor) => actor.say("THINK please")],
  [
    "allow",
    async (actor) => {
      const turn = await actor.begin("RUN_TOOL ESCALATE");
      await Promise.race([actor.ear.heard("turn.asked"), actor.session.ended(turn.id)]);
      for (const ask of actor.session.asks()) await actor.session.answer(ask.id, { decision: "allow" });
      await actor.ended(turn);
    },
  ],
  [
    "deny",
    async (actor) => {
      const asked = actor.ear.all("turn.asked").length;
      const turn = await actor.begin("RUN_TOOL[touch denied.txt] ESCALATE");
      await Promise.race([
        actor.ear.heard("turn.asked", () => actor.ear.all("turn.asked").length > asked),
        actor.session.ended(turn.id),
      ]);
      for (const ask of actor.session.asks()) await actor.session.answer(ask.id, { decision: "deny" });
      await actor.ended(turn);
    },
  ],
  [
    "write",
    async (actor) => {
      await actor.session.change({ policy: policy({ permissions: "allow" }) });
      await actor.say("WRITE_FILE");
    },
  ],
  [
    "cancel",
    async (actor) => {
      const turn = await actor.begin("SLOW");
      await actor.ear.words(turn.id, "tick02");
      await actor.session.cancel(turn.id);
      await actor.ended(turn);
    },
  ],
  ["refused by the model", (actor) => actor.say("FAIL400")],
  [
    "given again",
    (actor, stage) => {
      const half = { text: "Half of an answer", chunk: 5, delayMs: 60 };
      const whole = { ...half, text: "Half of an answer, and the other half." };
      stage.play({
        rules: [
          { when: { prompt: "Try", nth: 1 }, steps: [{ text: half }, "cut"] },
          { when: "Try", steps: [{ text: whole }] },
        ],
      });
      return actor.say("Try");
    },
  ],
  [
    "back after a kill",
    async (actor) => {
      const { harness: running } = actor.session.state();
      process.kill(actor.pid, "SIGKILL");
      // Of an earlier harness an end may be in the log already.
      await actor.ear.heard("harness.exited", ({ data }) => data.run === running?.run);
      await actor.say("COUNT");
    },
  ],
];

// The first row tells the options, for a driver may speak differently with others.
await using stage = await Stage.open({ harness, surroundings: here, ways: { dialect: dialect as Ways["dialect"] } });
lines.push(JSON.stringify({ t: 0, note: "STEP open", options: stage.request().options }));
const actor = await stage.open({ policy: policy({ permissions: "ask" }) });
for (const [name, play] of steps) {
  note(`STEP ${name}`);
  await play(actor, stage);
}
note("STEP close");
await stage.check();
const scrub = createScrubber({
  [stage.cwd]: "<cwd>",
  [stage.root]: "<root>",
  [agentsDir]: "<agents>",
  [dirname(process.execPath)]: "<node>",
  [homedir()]: "<home>",
});
process.stdout.write(`${lines.map(scrub).join("\n")}\n`);
