/** Steps of a well-behaved harness that only tells something. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { chunk, promptsIn, textBlock, told } from "../history.ts";
import { RpcError } from "../rpc-error.ts";
import type { Ending, Scene } from "../scene.ts";
import type { StepArguments } from "../story-shape.ts";

export const say = (scene: Scene, { text, ...how }: StepArguments["say"]): Promise<void> =>
  scene.speak("agent_message_chunk", scene.fill(text), how);

export const think = (scene: Scene, { text, ...how }: StepArguments["think"]): Promise<void> =>
  scene.speak("agent_thought_chunk", scene.fill(text), how);

export const quote = (scene: Scene, how: StepArguments["quote"]): Promise<void> =>
  scene.speak("agent_message_chunk", `You said: ${scene.prompt}`, how);

export function count(scene: Scene, how: StepArguments["count"]): Promise<void> {
  const prompts = promptsIn(scene.session.messages);
  return scene.speak("agent_message_chunk", `${prompts} ${prompts === 1 ? "message" : "messages"}`, how);
}

export const history = (scene: Scene, how: StepArguments["history"]): Promise<void> =>
  scene.speak("agent_message_chunk", told(scene.session.messages), how);

export const env = (scene: Scene): Promise<void> => scene.speak("agent_message_chunk", JSON.stringify(scene.env));

export function plan(scene: Scene, entries: StepArguments["plan"]): Promise<void> {
  const filled = entries.map((entry) => ({ ...entry, content: scene.fill(entry.content) }));
  return scene.update({ sessionUpdate: "plan", entries: filled });
}

export async function usage(scene: Scene, { used, size, cost, input, output, cached }: StepArguments["usage"]) {
  if (input !== undefined || output !== undefined || cached !== undefined) {
    const before = scene.tally.usage;
    const inputTokens = (before?.inputTokens ?? 0) + (input ?? 0);
    const outputTokens = (before?.outputTokens ?? 0) + (output ?? 0);
    const cachedReadTokens = (before?.cachedReadTokens ?? 0) + (cached ?? 0);
    const totalTokens = inputTokens + outputTokens + cachedReadTokens;
    scene.tally.usage = {
      inputTokens,
      outputTokens,
      totalTokens,
      ...(cachedReadTokens > 0 ? { cachedReadTokens } : {}),
    };
  }
  if (used === undefined) return;
  await scene.update({ sessionUpdate: "usage_update", used, size, ...(cost ? { cost } : {}) });
}

export const sleep = (scene: Scene, { ms }: StepArguments["sleep"]): Promise<void> => scene.pause(ms);

const lookEveryMs = 20;

/** Waits for a file of the workspace, so that whoever writes it decides when the story goes on. */
export async function gate(scene: Scene, { file }: StepArguments["gate"]): Promise<void> {
  const path = resolve(scene.session.cwd, file);
  while (!existsSync(path)) await scene.pause(lookEveryMs);
}

export const stop = async (_scene: Scene, { reason }: StepArguments["stop"]): Promise<Ending> => ({ stop: reason });

export const error = async (scene: Scene, { code, message, data }: StepArguments["error"]): Promise<Ending> => ({
  error: new RpcError(code, scene.fill(message), data),
});

/** Spoken after the prompt was answered, and so no part of the history. */
export async function late(scene: Scene, { afterMs, text }: StepArguments["late"]): Promise<void> {
  const update = chunk("agent_message_chunk", scene.name("msg"), textBlock(scene.fill(text)));
  const tell = () => void scene.wire.notify("session/update", { sessionId: scene.session.id, update });
  scene.tally.afterwards.push(() => void scene.machine.after(afterMs, tell));
}
