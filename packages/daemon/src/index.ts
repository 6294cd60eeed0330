/** Our own API over HTTP, as a fetch function and as a server on Node. */

export type { Call, Outlet } from "./call.ts";
export { type CallEnv, createDaemon, type Daemon, type DaemonNeed } from "./daemon.ts";
export { type Served, type ServeNeed, serve } from "./node.ts";
export type { Cors } from "./origin.ts";
export type { Log, LogLine } from "./problem.ts";
