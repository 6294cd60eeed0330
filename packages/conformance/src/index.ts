/** The cases that every harness is played through, and what they are played with. */
export * from "./case.ts";
export { cases } from "./cases/index.ts";
