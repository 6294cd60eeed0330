/** The whole contract: one line per operation, read by both halves. */
import { agents } from "./agents.ts";
import { asks } from "./asks.ts";
import { health } from "./health.ts";
import { sessions } from "./sessions.ts";

export const contract = { ...health, ...agents, ...sessions, ...asks } as const;
export type Contract = typeof contract;
export type OperationName = keyof Contract;
