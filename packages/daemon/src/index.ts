/** Our own API over HTTP, as a fetch function and as a server on Node. */
export { createDaemon, type Daemon, type DaemonEnv, type DaemonNeed } from "./daemon.ts";
export { type Served, type ServeNeed, serve } from "./node.ts";
export type { Cors } from "./origin.ts";
export type { Log, LogLine } from "./problem.ts";
