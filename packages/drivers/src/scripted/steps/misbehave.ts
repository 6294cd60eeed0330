/** Steps of a harness that behaves badly, each in one way that was seen in a real one or may be. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { chunk, textBlock } from "../history.ts";
import { filled, type Scene } from "../scene.ts";
import { defaultChoices, type StepArguments } from "../story-shape.ts";
import { askPermission } from "./client.ts";

const never = (): Promise<never> => new Promise(() => undefined);
const restAfter = 256;

/** Not kept in the history: it would be the larger part of it and says nothing. */
export async function flood(scene: Scene, { n }: StepArguments["flood"]): Promise<void> {
  const messageId = scene.name("msg");
  const { id: sessionId } = scene.session;
  for (let i = 0; i < n; i++) {
    const update = chunk("agent_message_chunk", messageId, textBlock(`${i} `));
    await scene.wire.notify("session/update", { sessionId, update });
    if (i % restAfter === 0) await scene.machine.soon(); // Lets a cancellation be read.
    scene.signal.throwIfAborted();
  }
}

export async function hang(scene: Scene, { cancellable }: StepArguments["hang"]): Promise<void> {
  if (!cancellable) await never();
  await once(scene.signal, "abort");
}

export async function exit(scene: Scene, { code }: StepArguments["exit"]): Promise<void> {
  await scene.wire.flushed();
  scene.machine.exit(code);
  await never();
}

export async function crash(scene: Scene, { signal }: StepArguments["crash"]): Promise<void> {
  await scene.wire.flushed();
  scene.machine.die(signal);
  if (signal !== "SIGSTOP") await never();
}

export const ignoreSigterm = async (scene: Scene): Promise<void> => scene.machine.deafen();

/** Closes the conversation on its side and lives on, deaf to polite ends. */
export async function hangUp(scene: Scene): Promise<void> {
  await scene.wire.flushed();
  scene.machine.deafen();
  scene.wire.hangUp();
}

/** The steps are played when the signal comes, be it in this turn or long after it. */
export async function onSignal(scene: Scene, { signal, steps }: StepArguments["on-signal"]): Promise<void> {
  scene.machine.onSignal(signal, () => {
    scene.play(steps).catch((error: unknown) => scene.complain(`The steps after ${signal} failed: ${String(error)}`));
  });
}

/** A shell starts the grandchild and ends, so that it belongs to nobody; it tells its pid in `grandchild.pid`. */
export async function doubleFork(scene: Scene, { seconds }: StepArguments["double-fork"]): Promise<void> {
  const { cwd } = scene.session;
  await rm(join(cwd, "grandchild.pid"), { force: true });
  const grandchild = `echo $$ > .grandchild.pid; mv .grandchild.pid grandchild.pid; exec sleep ${seconds}`;
  const parent = `trap '' HUP TERM; sh -c '${grandchild}' & while [ ! -s grandchild.pid ]; do sleep 0.01; done`;
  const shell = spawn("sh", ["-c", parent], { cwd, env: scene.env, detached: true, stdio: "ignore" });
  await once(shell, "exit", { signal: scene.signal });
}

export async function child(scene: Scene, { command }: StepArguments["child"]): Promise<void> {
  const started = spawn("sh", ["-c", command], { cwd: scene.session.cwd, env: scene.env, stdio: "ignore" });
  await once(started, "spawn", { signal: scene.signal });
  started.unref();
}

export const junk = (scene: Scene, { text }: StepArguments["junk"]): Promise<void> => scene.wire.line(scene.fill(text));

export function frame(scene: Scene, written: StepArguments["frame"]): Promise<void> {
  const { big, ...rest } = written;
  if (typeof big !== "number" || Object.keys(rest).length > 0)
    return scene.wire.line(JSON.stringify(filled(scene, written)));
  const messageId = scene.name("msg");
  const frameOf = (text: string): string => {
    const update = chunk("agent_message_chunk", messageId, textBlock(text));
    return JSON.stringify({
      jsonrpc: "2.0",
      method: "session/update",
      params: { sessionId: scene.session.id, update },
    });
  };
  return scene.wire.line(frameOf("x".repeat(Math.max(0, big - frameOf("").length))));
}

export async function stderr(scene: Scene, { text, lines }: StepArguments["stderr"]): Promise<void> {
  for (let i = 1; i <= lines; i++) {
    if (i % restAfter === 0) await scene.machine.soon();
    scene.signal.throwIfAborted();
    await scene.complain(lines === 1 ? scene.fill(text) : `${scene.fill(text)} ${i}`);
  }
}

export async function duplicateId(scene: Scene, { of }: StepArguments["duplicate-id"]): Promise<void> {
  if (of === "answer") {
    scene.tally.answers = 2;
    return;
  }
  const toolCall = {
    toolCallId: scene.name("ask"),
    title: "Asked twice under one id",
    kind: "other",
    status: "pending",
  };
  const branch = await askPermission(scene, toolCall, defaultChoices, { repeat: true });
  await scene.speak("agent_message_chunk", `The answer was: ${branch}`);
}

export const unknownUpdate = (scene: Scene, fields: StepArguments["unknown-update"]): Promise<void> =>
  scene.update({
    sessionUpdate: "weather_report",
    sky: "clear",
    wind: { fromDegrees: 210, speeds: [3, 5.5] },
    _meta: { "example.org/nobody": true },
    ...fields,
  });
