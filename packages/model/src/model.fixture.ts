/** A model server that a test starts and that is gone after it. */
import { systemClock } from "@corral/kernel";
import { afterEach } from "vitest";
import { type Model, startModel } from "./server.ts";
import type { WrittenStep, WrittenStory } from "./story/story-shape.ts";

const running: Model[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((model) => model.close()));
});

export async function model(story: WrittenStory = {}): Promise<Model> {
  const started = await startModel({ clock: systemClock, story });
  running.push(started);
  return started;
}

/** One that plays the same steps for every prompt. */
export const modelThat = (...steps: readonly WrittenStep[]): Promise<Model> => model({ rules: [{ steps }] });

/** Resolves when the condition holds; a test that waits in vain ends by its own limit. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
