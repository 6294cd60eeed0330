/** How what OpenCode tells is read: a thing of another shape counts as an empty one. */
import { type Frame, isFrame } from "@corral/kernel";

export const frame = (thing: unknown): Frame => (isFrame(thing) ? thing : {});
export const text = (thing: unknown): string => (typeof thing === "string" ? thing : "");
export const texts = (thing: unknown): readonly string[] =>
  Array.isArray(thing) ? thing.filter((one) => typeof one === "string") : [];
