/** A module that is loaded before the daemon and lets its wall clock jump when a signal comes; its monotonic clock stays true. */

const program = (jumpMs: number, jumped: boolean): string => `
import { isMainThread } from "node:worker_threads";
const now = Date.now;
let offset = ${jumped ? jumpMs : 0};
Date.now = () => now() + offset;
if (isMainThread) process.on("SIGUSR2", () => { offset = ${jumpMs}; });
`;

/** What \`node --import\` takes. */
export const clockJump = (jumpMs: number, { jumped }: { readonly jumped: boolean }): string =>
  `data:text/javascript,${encodeURIComponent(program(jumpMs, jumped))}`;
