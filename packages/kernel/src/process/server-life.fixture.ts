/** A daemon's life with one shared server, under the widest umask: it says what there is of it, and waits to be killed. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../ports/clock.system.ts";
import { createProcesses, ownerOf } from "./processes.ts";
import { planFor } from "./servers.fixture.ts";
import { createServers } from "./servers.ts";

process.umask(0);
const stateDir = process.argv[2] ?? "";
const processes = createProcesses({ clock: systemClock, stateDir, owner: ownerOf(stateDir), hostEnv: {} });
const servers = createServers({ clock: systemClock, processes, dir: join(stateDir, "servers") });
const { plan, places } = planFor(stateDir);
const { server } = await servers.ensureRunning(plan, { signal: new AbortController().signal });
const open = readdirSync("/proc/self/fd").length;
console.log(JSON.stringify({ pid: server.pid, url: server.url, logFile: plan.logFile, ...places[0], open }));
setInterval(() => undefined, 60_000);
