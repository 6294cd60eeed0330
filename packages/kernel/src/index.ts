/** The runtime: logs, sessions, turns, asks, processes, and the ports that drivers fill. */
export * from "./kernel.ts";
export * from "./log/chunk.ts";
export * from "./ports/clock.system.ts";
export * from "./ports/clock.ts";
export * from "./ports/harness.ts";
export * from "./ports/store.reference.ts";
export * from "./ports/store.ts";
export * from "./process/process.ts";
