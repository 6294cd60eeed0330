/** A scripted model server for tests: four dialects, stories, and a journal of what was asked. */
export { type Base, basesOf } from "./base-urls.ts";
export type { ModelClock } from "./clock.ts";
export type { Authorization, Call } from "./journal.ts";
export type { Purpose } from "./prompt.ts";
export type { Usage } from "./reply.ts";
export { type DialectId, dialectIds } from "./request.ts";
export { type Model, type ModelOptions, startModel } from "./server.ts";
export { readStory } from "./story/story.ts";
export type { WrittenRule, WrittenStep, WrittenStory } from "./story/story-shape.ts";
