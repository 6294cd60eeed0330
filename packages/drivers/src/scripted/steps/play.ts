/** Plays steps one after the other, each by its line in the table. */
import type { Ending, Scene } from "../scene.ts";
import type { Step, StepArguments, StepName } from "../story-shape.ts";
import { ask, call, elicit } from "./client.ts";
import * as misbehave from "./misbehave.ts";
import * as talk from "./talk.ts";
import { tool } from "./tool.ts";

export type Player<Name extends StepName> = (
  scene: Scene,
  argument: StepArguments[Name],
  // biome-ignore lint/suspicious/noConfusingVoidType: most steps end nothing and so return nothing
) => Promise<Ending | void>;

const players: { readonly [Name in StepName]: Player<Name> } = {
  say: talk.say,
  think: talk.think,
  quote: talk.quote,
  count: talk.count,
  history: talk.history,
  env: talk.env,
  plan: talk.plan,
  usage: talk.usage,
  sleep: talk.sleep,
  gate: talk.gate,
  stop: talk.stop,
  error: talk.error,
  late: talk.late,
  tool,
  ask,
  elicit,
  call,
  flood: misbehave.flood,
  hang: misbehave.hang,
  exit: misbehave.exit,
  crash: misbehave.crash,
  "ignore-sigterm": misbehave.ignoreSigterm,
  "double-fork": misbehave.doubleFork,
  "hang-up": misbehave.hangUp,
  "on-signal": misbehave.onSignal,
  child: misbehave.child,
  junk: misbehave.junk,
  frame: misbehave.frame,
  stderr: misbehave.stderr,
  "duplicate-id": misbehave.duplicateId,
  "unknown-update": misbehave.unknownUpdate,
};

export async function play(scene: Scene, steps: readonly Step[]): Promise<Ending | undefined> {
  for (const step of steps) {
    scene.signal.throwIfAborted();
    const ending = await playOne(scene, step);
    await takeUpSteering(scene);
    if (ending) return ending;
  }
  return undefined;
}

async function playOne<Name extends StepName>(scene: Scene, step: { do: Name; with: StepArguments[Name] }) {
  return (await players[step.do](scene, step.with)) ?? undefined;
}

async function takeUpSteering(scene: Scene): Promise<void> {
  for (const text of scene.session.steering.splice(0)) await scene.speak("agent_message_chunk", `Steered: ${text}`);
}
