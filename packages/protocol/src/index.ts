/** The words and arithmetic that every part of Corral shares. */
export * from "./fault.ts";
export * from "./ids.ts";
